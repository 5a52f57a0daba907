import {
  isKeyless,
  type PlanNode,
  type RepartitionNode,
  type SourceNode,
  type Subtopology,
} from '@millrace/core/internal'
import { parametersSeen } from '../operators/callback.ts'

/** The steps of one subtopology, and who follows whom. */
export type Followers = (node: PlanNode) => readonly PlanNode[]

export function followersIn(subtopology: Subtopology): Followers {
  const followers = new Map<PlanNode, PlanNode[]>()
  for (const node of subtopology.nodes) {
    for (const input of 'inputs' in node ? node.inputs : 'input' in node ? [node.input] : []) {
      const known = followers.get(input)
      if (known === undefined) followers.set(input, [node])
      else known.push(node)
    }
  }
  return (node) => followers.get(node) ?? []
}

/**
 * The input whose key bytes a record still has when it leaves `node`, or undefined where the key may be another. Inputs
 * that are merged count as one where their serdes are the same.
 */
function keyOrigin(node: PlanNode): SourceNode | RepartitionNode | undefined {
  switch (node.kind) {
    case 'source':
    case 'repartition':
      return node
    case 'filter':
    case 'mapValues':
    case 'flatMapValues':
    case 'peek':
    case 'branch':
    case 'pipe':
      return keyOrigin(node.input)
    case 'merge': {
      const origins = node.inputs.map(keyOrigin)
      const first = origins[0]
      if (first === undefined) return undefined
      const same = origins.every((origin) => origin !== undefined && keySerde(origin).name === keySerde(first).name)
      return same ? first : undefined
    }
    default:
      return undefined
  }
}

/** The serde that an input's keys were written with. */
function keySerde(node: SourceNode | RepartitionNode) {
  return node.kind === 'source' ? node.topic.key : node.key
}

/** Whether the records that enter `node` may be written under the key bytes that they were read with. */
export function keepsKeyBytes(node: PlanNode): boolean {
  if (node.kind !== 'sink' || 'choose' in node.topic || isKeyless(node.topic.key)) return false
  const origin = keyOrigin(node.input)
  return origin !== undefined && keySerde(origin).name === node.topic.key.name
}

/** Whether any step that gets the records of an input can see their key. */
export function readsKey(node: PlanNode, followers: Followers): boolean {
  return followers(node).some((next) => seesKey(next) || (passesKey(next) && readsKey(next, followers)))
}

/** Whether any step that gets the records of an input can see their value. */
export function readsValue(node: PlanNode, followers: Followers): boolean {
  return followers(node).some((next) => seesValue(next) || (passesValue(next) && readsValue(next, followers)))
}

function seesKey(node: PlanNode): boolean {
  switch (node.kind) {
    case 'merge':
    case 'pipe':
    case 'late':
      return false
    case 'sink':
      return 'choose' in node.topic || !(isKeyless(node.topic.key) || keepsKeyBytes(node))
    case 'branch':
      return [...node.before, ...(node.fn === undefined ? [] : [node.fn])].some((fn) => parametersSeen(fn) >= 2)
    case 'map':
    case 'mapValues':
    case 'filter':
    case 'flatMap':
    case 'flatMapValues':
    case 'keyBy':
    case 'peek':
      return parametersSeen(node.fn) >= 2
    default:
      return true
  }
}

function passesKey(node: PlanNode): boolean {
  switch (node.kind) {
    case 'filter':
    case 'mapValues':
    case 'flatMapValues':
    case 'peek':
    case 'branch':
    case 'pipe':
    case 'merge':
    case 'late':
      return true
    default:
      return false
  }
}

function seesValue(node: PlanNode): boolean {
  switch (node.kind) {
    case 'merge':
      return false
    case 'aggregate':
      return parametersSeen(node.add) >= 2
    case 'flatMap':
    case 'map':
    case 'keyBy':
    case 'mapValues':
    case 'flatMapValues':
      return parametersSeen(node.fn) >= 1
    default:
      return true
  }
}

function passesValue(node: PlanNode): boolean {
  return node.kind === 'merge' || node.kind === 'keyBy' || node.kind === 'aggregate'
}
