import { chownSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bad, type Case, expectError } from './command/bad-input.ts'
import { SUMMING_JOB, UserFolder } from './command/job-files.ts'
import { run, succeed } from './flights/command.ts'

const CASES: readonly Case[] = [
  {
    what: 'a data directory that is not there',
    args: () => ['topics', 'tail', 'nothing'],
    code: 4,
    message: ['FILE_MISSING', 'Data directory', '--data', 'millrace topics create'],
  },
  {
    what: 'a missing topic',
    args: async ({ data }) => {
      await succeed(['topics', 'create', 'a', '--data', data])
      return ['topics', 'tail', 'nothing']
    },
    code: 4,
    message: ['TOPIC_MISSING', '"nothing"', 'millrace topics create nothing'],
  },
  {
    what: 'a partition to tail that is not there',
    args: async ({ data }) => {
      await succeed(['topics', 'create', 'a', '--data', data])
      return ['topics', 'tail', 'a', '--partition', '1']
    },
    code: 4,
    message: ['PARTITION_MISSING', 'a has no partition 1', 'It has 1 partition, counted from 0'],
  },
  ...['parquet', 'ndjson', 'csv'].map((kind) => ({
    what: `an import of a ${kind} that is a folder`,
    args: (folder: UserFolder) => {
      const directory = folder.directory(`a.${kind}`)
      return ['topics', 'import', 'a', directory, '--key', 'k', '--timestamp', 't']
    },
    code: 1,
    message: ['BAD_INPUT', `a.${kind} cannot be read`, 'EISDIR'],
  })),
  {
    what: 'a setting that no topic can have',
    args: () => ['topics', 'create', 'a', '--segment-bytes', '1'],
    code: 2,
    message: ['BAD_TOPIC_SETTINGS', 'a cannot be created: --segment-bytes is 1, not a whole number from 1024'],
  },
  {
    what: 'a malformed address',
    args: () => ['query', 'sums', '--url', 'ftp://localhost'],
    code: 2,
    message: ['BAD_USAGE', '--url', 'http://127.0.0.1:4711'],
  },
  {
    what: 'an unknown command',
    args: () => ['topics', 'lst'],
    code: 2,
    message: ['BAD_USAGE', "Unknown command 'lst'", 'Did you mean list?', 'millrace topics --help'],
  },
  {
    what: 'a topic name that leads out of the data directory',
    args: () => ['topics', 'create', '../x'],
    code: 2,
    message: ['BAD_NAME', '"../x"', 'letters'],
  },
  {
    what: 'a topic that is there already',
    args: async ({ data }) => {
      await succeed(['topics', 'create', 'a', '--data', data])
      return ['topics', 'create', 'a']
    },
    code: 5,
    message: ['TOPIC_EXISTS', 'a'],
  },
  {
    what: 'an option that is none',
    args: () => ['topics', 'list', '--jsn'],
    code: 2,
    message: ["Unknown option '--jsn'", '--json', 'millrace topics list --help'],
  },
  {
    what: 'a number that is none',
    args: () => ['topics', 'create', 'a', '--partitions', 'many'],
    code: 2,
    message: ['--partitions', "'many'", 'whole number'],
  },
  ...[
    ['topics', 'create', 'a', '--retention', '7'],
    ['run', 'job.ts', '--commit-interval', '7'],
    ['query', 'sums', '--timeout', '7'],
  ].map((args) => ({
    what: `a time without a unit in ${args[0]} ${args[1]}`,
    args: () => args,
    code: 2,
    message: [String(args.at(-2)), 'State the unit: 7ms, 7s, 7m (minutes), 7h or 7d'],
  })),
  {
    what: 'a query that may be stale and waits for a position',
    args: () => ['query', 'sums', '--stale', '--after', 'numbers/0=1'],
    code: 2,
    message: ['BAD_USAGE', '--stale and --after exclude each other'],
  },
  {
    what: 'partitions for a topic that is not made',
    args: () => ['topics', 'produce', 'a', '--partitions', '3'],
    code: 2,
    message: ['BAD_USAGE', '--create'],
  },
  {
    what: 'a line of input that is no JSON',
    args: async ({ data }) => {
      await succeed(['topics', 'create', 'a', '--data', data])
      return ['topics', 'produce', 'a', '--key-field', 'id']
    },
    stdin: '{"id":"1"}\n{"id":\n',
    code: 1,
    message: ['1 record appended to a', 'BAD_INPUT', 'Line 2 of stdin', '{"id":'],
  },
  {
    what: 'a line without the field that is the key',
    args: async ({ data }) => {
      await succeed(['topics', 'create', 'a', '--data', data])
      return ['topics', 'produce', 'a', '--key-field', 'id']
    },
    stdin: '{"name":"1"}\n',
    code: 1,
    message: ['BAD_INPUT', 'Line 1 of stdin', '"id"'],
  },
  {
    what: 'a record over the limit',
    args: async ({ data }) => {
      await succeed(['topics', 'create', 'a', '--record-bytes-max', '1k', '--data', data])
      return ['topics', 'produce', 'a']
    },
    stdin: `${'x'.repeat(2000)}\n`,
    code: 1,
    message: ['RECORD_TOO_LARGE: Line 1 of stdin', /1,?024/, '0 records appended to a'],
  },
  {
    what: 'a file to import that is not there',
    args: () => ['topics', 'import', 'a', 'nowhere.parquet', '--key', 'k', '--timestamp', 't'],
    code: 4,
    message: ['FILE_MISSING', 'nowhere.parquet'],
  },
  {
    what: 'a file to import of another kind than its name says',
    args: (folder) => {
      const file = folder.write('a.parquet', 'not parquet at all')
      return ['topics', 'import', 'a', file, '--key', 'k', '--timestamp', 't']
    },
    code: 1,
    message: ['BAD_INPUT', 'a.parquet', 'parquet'],
  },
  {
    what: 'a column that the imported file does not have',
    args: (folder) => {
      const file = folder.write('a.csv', 'id,at\n1,2001-01-01\n')
      return ['topics', 'import', 'a', file, '--key', 'name', '--timestamp', 'at']
    },
    code: 1,
    message: ['BAD_INPUT', 'a.csv has no column "name" for the key', '"id", "at"'],
  },
  {
    what: 'an import of seconds that are not said to be seconds',
    args: (folder) => {
      const file = folder.write('a.csv', 'id,at\n1,978307260\n')
      return ['topics', 'import', 'a', file, '--key', 'id', '--timestamp', 'at']
    },
    code: 1,
    message: ['BAD_INPUT', 'a.csv, line 2: at is 978307260', 'looks like seconds', '--timestamp-unit s'],
  },
  {
    what: 'a line whose event time is a year',
    args: async ({ data }) => {
      await succeed(['topics', 'create', 'a', '--data', data])
      return ['topics', 'produce', 'a', '--timestamp-field', 'year']
    },
    stdin: '{"year":2001}\n',
    code: 1,
    message: ['BAD_INPUT', 'Line 1 of stdin: year is 2001', 'looks like a year', '0 records appended'],
  },
  {
    what: 'an event time on the command line that is in seconds',
    args: () => ['topics', 'produce', 'a', '--timestamp', '978307260'],
    code: 2,
    message: ['--timestamp', 'looks like seconds', '2001-01-31T08:00'],
  },
  {
    what: 'a unit of time that is none',
    args: () => ['topics', 'produce', 'a', '--timestamp-field', 'at', '--timestamp-unit', 'min'],
    code: 2,
    message: ['--timestamp-unit', 's, ms, us, ns'],
  },
  {
    what: 'a unit of time without the field that it is of',
    args: () => ['topics', 'produce', 'a', '--timestamp-unit', 's'],
    code: 2,
    message: ['BAD_USAGE', '--timestamp-field'],
  },
  {
    what: "an import of history that is older than the topic's retention",
    args: async (folder) => {
      await succeed(['topics', 'create', 'a', '--retention', '7d', '--data', folder.data])
      const file = folder.write('a.csv', 'id,at\n1,2001-01-01\n')
      return ['topics', 'import', 'a', file, '--key', 'id', '--timestamp', 'at']
    },
    code: 5,
    message: ['RECORD_EXPIRED', 'a.csv, line 2', '2001-01-01T00:00', '7d', '--allow-expired'],
  },
  {
    what: "a line that is older than the topic's retention",
    args: async ({ data }) => {
      await succeed(['topics', 'create', 'a', '--retention', '7d', '--data', data])
      return ['topics', 'produce', 'a', '--records']
    },
    stdin: '{"value":"now"}\n{"value":"then","timestamp":978307260000}\n',
    code: 5,
    message: ['1 record appended to a', 'RECORD_EXPIRED', 'Line 2 of stdin', '--allow-expired'],
  },
  {
    what: 'an import that resumes into a topic of other records',
    args: async (folder) => {
      const { data } = folder
      await succeed(['topics', 'create', 'a', '--data', data])
      await succeed(['topics', 'produce', 'a', '--data', data], { stdin: 'other\n' })
      const file = folder.write('a.csv', 'id,at\n1,2001-01-01\n')
      return ['topics', 'import', 'a', file, '--key', 'id', '--timestamp', 'at', '--resume']
    },
    code: 5,
    message: ['IMPORT_DIFFERS', 'a', 'a.csv', 'partition 0'],
  },
  {
    what: 'a query where no job runs',
    args: () => ['query', 'sums'],
    code: 4,
    message: ['JOB_NOT_RUNNING', 'data', 'millrace run', '--url'],
  },
  {
    what: 'a query of a URL where nothing answers',
    args: () => ['query', 'sums', '--url', 'http://127.0.0.1:9'],
    code: 1,
    message: ['SERVER_UNREACHABLE', 'http://127.0.0.1:9'],
  },
  {
    what: 'a partition to look into that is not there',
    args: async ({ data }) => {
      await succeed(['topics', 'create', 'a', '--data', data])
      return ['log', 'dump', 'a', '1']
    },
    code: 4,
    message: ['PARTITION_MISSING', 'a has no partition 1'],
  },
  {
    what: 'a log to verify that is not there',
    args: () => ['log', 'verify'],
    code: 4,
    message: ['FILE_MISSING', 'Data directory', 'does not exist', '--data'],
  },
  {
    what: 'a data directory of another version',
    args: (folder) => {
      writeFileSync(join(folder.directory('data'), 'millrace.json'), '{"version":99}')
      return ['topics', 'list']
    },
    code: 5,
    message: ['DATA_VERSION', '99', 'data'],
  },
]

describe('bad input is reported in one message that names it, with the right exit code:', () => {
  test.concurrent.each(CASES)('$what', { timeout: 60_000 }, async (given) => {
    using folder = new UserFolder()
    expectError(await bad(given, folder), given)
  })

  test('a port in use', { timeout: 30_000 }, async () => {
    using folder = new UserFolder()
    await succeed(['topics', 'create', 'numbers', '--data', folder.data])
    const server = createServer()
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
    const args = () => ['run', folder.write('job.ts', SUMMING_JOB), '--port', String(port)]
    const ended = await bad({ args }, folder)
    server.close()
    expectError(ended, { code: 5, message: ['PORT_IN_USE', String(port), 'another port'] })
  })

  test('a data directory of another owner', { timeout: 30_000 }, async (context) => {
    if (process.getuid?.() !== 0) context.skip('only root can give a directory away')
    using folder = new UserFolder()
    chownSync(folder.directory('data'), 12_345, 12_345)
    expectError(await bad({ args: () => ['topics', 'list'] }, folder), { code: 5, message: ['DATA_OWNER', 'data'] })
  })

  test('MILLRACE_DEBUG adds the stack', { timeout: 30_000 }, async () => {
    using folder = new UserFolder()
    const env = { MILLRACE_DEBUG: '1' }
    const { stderr } = await run(['topics', 'tail', 'nothing', '--data', folder.data], { env })
    expect(stderr).toMatch(/FILE_MISSING[\s\S]*^\s+at /m)
  })
})
