import { Agent, get } from 'node:http'
import { count, text, type Work } from '../child/work.ts'

/** Queries a view for one key after the other, over several connections at once. */
const work: Work = {
  async prepare(options) {
    const paths = text(options, 'paths').split(' ')
    const requests = count(options, 'requests')
    const connections = count(options, 'connections')
    const url = text(options, 'url')
    const agent = new Agent({ keepAlive: true, maxSockets: connections })
    const latencies: number[] = []
    return {
      async run() {
        let sent = 0
        const connection = async () => {
          while (sent < requests) {
            const path = paths[sent++ % paths.length] ?? ''
            const before = performance.now()
            await request(agent, `${url}${path}`)
            latencies.push(performance.now() - before)
          }
        }
        await Promise.all(Array.from({ length: connections }, connection))
        return latencies.length
      },
      found: () => latencies,
      close: async () => agent.destroy(),
    }
  },
}

function request(agent: Agent, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${url} was answered with ${response.statusCode}`))
      response.resume().on('end', resolve)
    }).on('error', reject)
  })
}

export default work
