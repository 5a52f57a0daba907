import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { plantedText } from './planted-text.ts'

/* Plants the mutation in processes that tests start: node --import test/src/mutations/plant-mutation.ts … */
registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    const source = url.startsWith('file:') ? plantedText(fileURLToPath(url)) : undefined
    return source === undefined ? loaded : { ...loaded, source }
  },
})
