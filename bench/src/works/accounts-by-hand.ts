import { immediate, text } from '../child/work.ts'
import { totalsByHand } from '../hand-written/totals.ts'
import type { Payment } from '../jobs/millrace-jobs.ts'

/** The job with many keys by hand. */
export default immediate((options) =>
  totalsByHand({
    data: text(options, 'data'),
    input: 'payments',
    output: undefined,
    addend: ({ amount }: Payment) => amount,
  }),
)
