import type { ErrorPolicies, InputDescription, JobDescription, SerdeChange, SettingChange } from '@millrace/core'
import {
  durationText,
  type JobMeaning,
  ownValue,
  policyText,
  type RepartitionMeaning,
  type StoreMeaning,
} from '@millrace/core/internal'
import type { Catalog } from '../catalog/catalog.ts'

/** The parts of a record or an entry that a serde writes. */
const PARTS = ['key', 'value', 'order'] as const

type SerdeNames = Partial<Pick<StoreMeaning, (typeof PARTS)[number]>> | RepartitionMeaning

/** The serdes of the job that are not those with which its stores and topics were written, or are read by the former job. */
export function compareSerdes(
  catalog: Catalog | undefined,
  { stores, repartitions }: JobMeaning,
  before: JobDescription | undefined,
  now: JobDescription,
): SerdeChange[] {
  const former = new Map(sourcesOf(before).map((input) => [input.topic, input]))
  return [
    ...Object.entries(stores).flatMap(([name, meaning]) =>
      serdeChanges('store', name, catalog && ownValue(catalog.stores, name)?.meaning, meaning),
    ),
    ...Object.entries(repartitions).flatMap(([name, meaning]) =>
      serdeChanges('topic', name, catalog && ownValue(catalog.repartitions, name), meaning),
    ),
    ...sourcesOf(now).flatMap((input) => serdeChanges('topic', input.topic, former.get(input.topic), input)),
  ]
}

function serdeChanges(
  of: SerdeChange['of'],
  name: string,
  was: SerdeNames | undefined,
  is: SerdeNames,
): readonly SerdeChange[] {
  if (was === undefined) return []
  return PARTS.flatMap((part) => {
    const [before, now] = [serdeName(was, part), serdeName(is, part)]
    return before === now ? [] : [{ of, name, part, before, now }]
  })
}

function serdeName(names: SerdeNames, part: (typeof PARTS)[number]): string {
  return (part in names ? names[part as keyof SerdeNames] : undefined) ?? 'none'
}

/** The error policies, what the job takes for event times, and where it begins to read, that the former job had otherwise. */
export function compareSettings(before: JobDescription, now: JobDescription): SettingChange[] {
  const former = new Map(sourcesOf(before).map((input) => [input.topic, input]))
  const policies: readonly (keyof ErrorPolicies)[] = ['undecodable', 'keyless', 'callback']
  return [
    ...policies.flatMap((policy) =>
      settingChange(`onError ${policy}`, policyText(before.errors[policy]), policyText(now.errors[policy])),
    ),
    ...sourcesOf(now).flatMap((is) => {
      const was = former.get(is.topic)
      if (was === undefined) return []
      return [
        ...settingChange(`event times of topic ${is.topic}`, timesText(was), timesText(is)),
        ...settingChange(`aheadMax of topic ${is.topic}`, aheadText(was), aheadText(is)),
        ...settingChange(`bootstrap of topic ${is.topic}`, `${was.bootstrap === true}`, `${is.bootstrap === true}`),
        ...settingChange(`start of topic ${is.topic}`, was.start ?? 'earliest', is.start ?? 'earliest'),
      ]
    }),
  ]
}

function settingChange(setting: string, before: string, now: string): readonly SettingChange[] {
  return before === now ? [] : [{ setting, before, now }]
}

/** The user's topics that a job reads, each once. Those of global tables are not compared: their stores are. */
function sourcesOf(job: JobDescription | undefined): readonly InputDescription[] {
  const inputs = job?.subtopologies.flatMap((subtopology) => subtopology.inputs) ?? []
  return inputs.filter(({ internal, global }) => !internal && global === undefined)
}

function timesText({ times }: InputDescription): string {
  return times === 'callback' ? "by the topic's callback" : "the records' own"
}

function aheadText({ aheadMaxMs }: InputDescription): string {
  return aheadMaxMs === undefined ? 'unlimited' : durationText(aheadMaxMs)
}
