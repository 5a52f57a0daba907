import { rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { check } from './check.ts'
import { abandonedData, DAMAGED_ORDERS, damagedCopy, finishedData, kindOf, readFiles } from './damaged-data.ts'
import { forEach, sampled, TIMEOUT_MS } from './extent.ts'
import { Outcomes } from './outcomes.ts'

/** The number of files of each kind of data in `npm test`; every file with `npm run crash`. */
const FILES = 8

test.for([
  ['a finished job', finishedData],
  ['a killed job', abandonedData],
] as const)(
  'a file of %s that is deleted gives no wrong result: it is created again, or refused',
  {
    timeout: TIMEOUT_MS,
  },
  async ([kind, make]) => {
    using data = await make()
    const files = readFiles(data.path)
    const outcomes = new Outcomes(`deleted files of ${kind} (of ${files.length})`)
    await forEach(sampled(files, FILES), async (file) => {
      using copy = damagedCopy(data, file, (path) => rmSync(path))
      const { name, deleted } = kindOf(file)
      outcomes.tried()
      const checked = await check(copy.path, { acknowledged: DAMAGED_ORDERS, orders: DAMAGED_ORDERS + 20 })
      outcomes.classify(`${file} (${name})`, checked, deleted)
    })
    outcomes.report()
    expect(outcomes.violations).toEqual([])
  },
)
