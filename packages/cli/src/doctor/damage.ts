import type { LogProblem } from '@millrace/connectors/internal'
import type { Env } from '@millrace/core'
import { byteText, offsetText } from '../log/problem-line.ts'
import { bytes, counted } from '../terminal/amounts.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

/** So many damaged places are listed; "millrace log verify" lists all. */
const DAMAGE_SHOWN = 5

/** A task's local state, and what is wrong with it. */
export interface StateFacts {
  readonly directory: string
  readonly damage: string | undefined
}

/** What the files of the log and of the local states hold. */
export interface DamageFacts {
  readonly data: string
  /** Whether every byte was read. */
  readonly full: boolean
  readonly partitions: number
  /** The bytes of the batches that were read. */
  readonly bytes: number
  readonly problems: readonly LogProblem[]
  readonly states: readonly StateFacts[]
  /** Local states that are in use, and therefore not read. */
  readonly inUse: number
}

/** `progress` is called with the number of bytes that were read so far. */
export async function readDamage(
  env: Env,
  data: string,
  full: boolean,
  progress: (readBytes: number) => void,
): Promise<DamageFacts> {
  const { verifyCommits, verifyParts } = await import('@millrace/connectors/internal')
  const problems: LogProblem[] = []
  let [partitions, readBytes] = [0, 0]
  for await (const verified of verifyParts(env, data, { depth: full ? 'all' : 'ends' })) {
    problems.push(...verified.problems)
    if (verified.kind !== 'partition') continue
    partitions++
    readBytes += verified.bytes
    progress(readBytes)
  }
  problems.push(...verifyCommits(env.files, data))
  return { data, full, partitions, bytes: readBytes, problems, ...(await readStates(env, data, full)) }
}

/** Decides on damage: what is lost, what repairs itself, and what is only left over. */
export function checkDamage({ data, full, partitions, bytes: size, problems, states, inUse }: DamageFacts): Finding[] {
  const damage = problems.filter(({ severity }) => severity === 'damage')
  const minor = problems.length - damage.length
  const read = full ? `all ${bytes(size)} read` : 'beginnings and ends read; --full reads all'
  const shown = damage.slice(0, DAMAGE_SHOWN).map((each) => damaged(data, each))
  const log =
    damage.length > 0 ? shown : [ok('Log', `${counted(partitions, 'partition')} without damage (${read})`, data)]
  const more = damage.length - shown.length
  if (more > 0) {
    const advice = `"millrace log verify --data ${data}" lists all.`
    log.push(
      problem({ check: 'Log', what: `${counted(more, 'other place')} in the log are damaged`, where: data, advice }),
    )
  }
  if (minor > 0) {
    const what = `${counted(minor, 'trace')} of interrupted work, which the next process that needs the file repairs`
    log.push(ok('Interrupted work', what, problems.find(({ severity }) => severity !== 'damage')?.file))
  }
  return [...log, ...checkStates(states, inUse)]
}

function checkStates(states: readonly StateFacts[], inUse: number): Finding[] {
  const broken = states.filter(({ damage }) => damage !== undefined)
  if (broken.length > 0) return broken.map(damagedState)
  const parts = [
    ...(states.length > 0 ? [`${counted(states.length, 'state')} without damage`] : []),
    ...(inUse > 0 ? [`${inUse} in use, which the job itself checks`] : []),
  ]
  return parts.length === 0 ? [] : [ok('Local states', parts.join('; '))]
}

function damaged(data: string, { topic, partition, file, offset, nextOffset, what, ...place }: LogProblem): Finding {
  const at = place.end > place.position ? `, ${byteText(place)}` : ''
  const lost = offset === undefined ? '' : `, ${offsetText(offset, nextOffset)}`
  const repair =
    topic === undefined || partition === undefined
      ? ''
      : ` Without one, see what "millrace log repair ${topic} ${partition} --data ${data}" would lose.`
  // The message of an error has its own advice.
  const text = /^Files? of /.test(what) ? what : `${file}${at}${lost}: ${what}`
  const advice = `Readers stop there. Restore the data directory from a backup ("millrace restore").${repair}`
  return problem({ check: 'Log', what: text, where: file, advice })
}

function damagedState({ directory, damage }: StateFacts): Finding {
  const what = `${directory} is damaged: ${damage}`
  const advice =
    'Nothing is lost: the next start of the job rebuilds it from the changelog, which takes a while. If this repeats, check the disk.'
  return warning({ check: 'Local states', what, where: directory, advice })
}

async function readStates(env: Env, data: string, full: boolean): Promise<Pick<DamageFacts, 'states' | 'inUse'>> {
  const directories = stateDirectories(env, data)
  if (directories.length === 0) return { states: [], inUse: 0 }
  const { isHeld } = await import('@millrace/connectors/internal')
  const { checkFiles } = await import('@millrace/state')
  const free = directories.filter((directory) => !isHeld(env.files, `${directory}/LOCK`))
  const states: StateFacts[] = []
  for (const directory of free) {
    states.push({ directory, damage: await checkFiles(env, directory, full ? 'contents' : 'names') })
  }
  return { states, inUse: directories.length - free.length }
}

/** The directories of the tasks' local states: `state/<job>/<task>`. */
export function stateDirectories({ files }: Env, data: string): string[] {
  const below = (directory: string) => {
    if (files.stat(directory)?.directory !== true) return []
    return files.list(directory).flatMap((name) => (name.startsWith('.') ? [] : [`${directory}/${name}`]))
  }
  return below(`${data}/state`)
    .flatMap(below)
    .filter((directory) => files.stat(`${directory}/CURRENT`) !== undefined)
}
