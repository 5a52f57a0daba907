import {
  countWindow,
  deadLetter,
  int32,
  type Job,
  job,
  type Output,
  type Sequence,
  type Stream,
  stream,
  string,
  type Table,
  type TimelyStream,
  valueState,
} from '@millrace/core'
import { EVENTS, type Event, textTopic } from './events.ts'
import { idText, read } from './read-events.ts'
import { idsOf, SEQUENCES } from './sequences.ts'
import { CALLING, type Service } from './service.ts'
import type { CallsPlan, StepsPlan } from './steps-plan.ts'
import { watch } from './watch.ts'
import { FLOWS, windowOutputs } from './window-steps.ts'

/** The topics that the steps of a job write to. */
export function topicsOf(plan: StepsPlan): readonly string[] {
  const { watch: watched, dedupe, countWindow: counted, inOrder, match, calls } = plan
  const { slide, every, daily, cogrouped, flow, failing } = plan
  return [
    'numbered',
    ...(watched === undefined ? [] : ['watched', 'noted', 'reminded']),
    ...(dedupe === undefined ? [] : ['once', 'once-late']),
    ...(counted === undefined ? [] : ['counted']),
    ...(inOrder === undefined ? [] : ['ordered', 'ordered-late']),
    ...(match === undefined ? [] : ['matched', 'matched-late']),
    ...(calls === undefined ? [] : ['answered']),
    ...(slide === undefined ? [] : ['slid', 'slid-late']),
    ...(every === undefined ? [] : ['every', 'every-late']),
    ...(daily ? ['daily'] : []),
    ...(cogrouped ? ['cogrouped'] : []),
    ...(flow ? FLOWS : []),
    ...(failing ? ['kept', 'failed'] : []),
  ]
}

/** The id that two events have in common if one repeats the other. */
export function repeatedId({ kind }: Event): string {
  return kind
}

/** How many answers an event gets from `flatMapAsync`. */
export function answersOf({ size }: Event): number {
  return size % 3
}

/** What an event is looked up by. */
export function lookedUp({ size }: Event): number {
  return size % 4
}

/** Whether the step `kept` fails for an event. */
export function fails({ size }: Event): boolean {
  return size % 9 === 0
}

/** `work` is called for each event: it stands for the work of the job's callbacks. */
export function stepsJob(name: string, plan: StepsPlan, service: Service, work: () => void): Job {
  const { dedupe, inOrder, match, calls, effect } = plan
  return job(
    name,
    numbered(work).to(textTopic('numbered')),
    ...watchOutputs(plan),
    ...(dedupe === undefined ? [] : timely('once', idText, read(dedupe).dedupe('once', { ...dedupe, id: repeatedId }))),
    ...countedOutputs(plan),
    ...(inOrder === undefined ? [] : timely('ordered', idText, read(inOrder).inOrder('ordered', inOrder))),
    ...(match === undefined ? [] : timely('matched', idsOf, matches(match))),
    ...(calls === undefined ? [] : [answers(calls, service).to(textTopic('answered'))]),
    ...(effect === undefined ? [] : [acts(effect, service)]),
    ...windowOutputs(plan),
    ...(plan.failing ? [kept().to(textTopic('kept'))] : []),
  )
}

/** Behind a repartition topic: else an event that fails would have no effect in any other step of its task either. */
function kept(): Stream<string, string> {
  return stream(EVENTS)
    .repartition('kept')
    .onError(deadLetter(textTopic('failed')))
    .mapValues((event) => {
      if (fails(event)) throw new Error('The step failed on purpose')
      return idText(event)
    }, string())
}

/** Numbers the events of each task. */
function numbered(work: () => void): Stream<string, string> {
  return stream(EVENTS).processTask('numbered', {
    key: string(),
    value: string(),
    state: { count: valueState(int32()) },
    onRecord({ id }, key, { state: { count }, emit }) {
      work()
      const number = (count.get() ?? 0) + 1
      count.set(number)
      emit(key, `${id} is ${number}`)
    },
  })
}

function watchOutputs({ watch: plan }: StepsPlan): (Output | Table<unknown, unknown>)[] {
  if (plan === undefined) return []
  const watched = watch(plan.ttlMs)
  return [
    watched.to(textTopic('watched')),
    watched.outputs.noted.to(textTopic('noted')),
    watched.outputs.reminded.to(textTopic('reminded')),
    watched.views.total,
  ]
}

/** What a step passes on, and what came too late for it. */
function timely<R>(name: string, text: (value: R) => string, passed: TimelyStream<string, R, Event>): Output[] {
  return [
    passed.mapValues(text, string()).to(textTopic(name)),
    passed
      .late()
      .mapValues(idText, string())
      .to(textTopic(`${name}-late`)),
  ]
}

function countedOutputs({ countWindow: plan }: StepsPlan): Output[] {
  if (plan === undefined) return []
  const windows = read(plan).groupByKey().window(countWindow(plan.size))
  const ids = windows.aggregate('counted', {
    init: () => '',
    add: (total, { id }) => `${total} ${id}`.trim(),
    value: string(),
  })
  return [ids.to(textTopic('counted'))]
}

function matches(plan: NonNullable<StepsPlan['match']>): TimelyStream<string, object, Event> {
  const { sequence, grace } = plan
  return read(plan).match('matched', SEQUENCES[sequence] as Sequence<Event, object>, { grace })
}

function answers({ word, order, concurrency }: CallsPlan, service: Service): Stream<string, string> {
  const options = { order, concurrency, value: string(), ...CALLING }
  const events = stream(EVENTS)
  const calls = {
    mapAsync: () =>
      events.mapAsync('answered', async (event) => `${event.id}: ${await service.answer(event.size)}`, options),
    flatMapAsync: () => events.flatMapAsync('answered', (event) => severalAnswers(event, service), options),
    joinRemote: () =>
      events.joinRemote('answered', {
        by: lookedUp,
        lookup: (size) => service.answer(size),
        join: ({ id }, answer) => `${id}: ${answer}`,
        cache: { size: 2, ttl: 50 },
        ...options,
      }),
  }
  return calls[word]()
}

async function severalAnswers(event: Event, service: Service): Promise<readonly string[]> {
  const answer = await service.answer(event.size)
  return Array.from({ length: answersOf(event) }, (_, index) => `${event.id}: ${answer} ${index}`)
}

function acts({ concurrency }: NonNullable<StepsPlan['effect']>, service: Service): Output {
  const act = (event: Event, key: string, context: Parameters<Service['act']>[2]) => service.act(key, event, context)
  return stream(EVENTS).effect('acts', act, { concurrency, ...CALLING })
}
