import { readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join, resolve, sep } from 'node:path'
import { processState } from '../doctor/process-state.ts'
import { type AnnouncedJob, announcedJobs, announcementPath } from './announced-jobs.ts'

/** The end of the name of an announcement that is being written, with the number of the process that writes it. */
const UNFINISHED = /\.(\d+)\.new$/

/** Removes what processes that were killed have left among the announcements of a data directory: announcements and sockets. */
export async function removeLeftAnnouncements(data: string): Promise<void> {
  await Promise.all(announcedJobs(data).map((announced) => removeIfLeft(data, announced)))
  const directory = resolve(data, 'jobs')
  for (const name of readdirSync(directory)) {
    const pid = UNFINISHED.exec(name)?.[1]
    if (pid !== undefined && processState(Number(pid)) === 'gone') rmSync(join(directory, name), { force: true })
  }
}

async function removeIfLeft(data: string, announced: AnnouncedJob): Promise<void> {
  const { pid, socket } = announced
  // A process in another container of the system has a number that is unknown here, and accepts connections.
  if (processState(pid) !== 'gone' || (await accepts(data, announced))) return
  // A new process may have got the number meanwhile.
  if (processState(pid) !== 'gone') return
  rmSync(announcementPath(data, announced), { force: true })
  if (socket !== undefined && isIn(data, socket)) rmSync(socket, { force: true })
}

/** Whether a process listens at the place of an announcement, or it is unknown. One that is busy or stopped accepts too. */
function accepts(data: string, { url, socket }: AnnouncedJob): Promise<boolean> {
  if (socket === undefined && !URL.canParse(url)) return Promise.resolve(true)
  return new Promise((done) => {
    const client = connect(socket === undefined ? portOf(url) : { path: socket })
    client.once('connect', () => {
      client.destroy()
      done(true)
    })
    client.once('error', (error: NodeJS.ErrnoException) => {
      const isMissing = error.code === 'ENOENT' && socket !== undefined && isIn(data, socket)
      done(error.code !== 'ECONNREFUSED' && !isMissing)
    })
  })
}

function portOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname: host, port } = new URL(url)
  return { host, port: Number(port) }
}

/** Whether a path is in the data directory: other folders, such as those for temporary files, may differ between containers. */
function isIn(data: string, path: string): boolean {
  return path.startsWith(`${resolve(data)}${sep}`)
}
