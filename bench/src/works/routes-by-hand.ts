import { immediate, text } from '../child/work.ts'
import type { Flight } from '../flights/flight.ts'
import { totalsByHand } from '../hand-written/totals.ts'

/** The job with mostly new keys by hand. */
export default immediate((options) =>
  totalsByHand({
    data: text(options, 'data'),
    input: 'routes',
    output: 'totals',
    addend: ({ delay }: Flight) => delay,
  }),
)
