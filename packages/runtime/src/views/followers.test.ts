import { array, assert as check, constantFrom, property, record, string } from 'fast-check'
import { expect, test } from 'vitest'
import { type Follower, Followers, type Wanted } from './followers.ts'

interface Named extends Follower {
  readonly wanted: Wanted
}

function named(wanted: Wanted): Named {
  return { wanted, send: () => undefined, end: () => undefined }
}

/** Whether a follower wants the changes of a key, by comparing texts. */
function wants({ wanted }: Named, key: string): boolean {
  if (wanted.of === 'key') return wanted.key === key
  return wanted.of === 'prefix' && key.startsWith(wanted.prefix)
}

const text = string({ unit: constantFrom('a', 'b', 'é', '🚀'), maxLength: 4 })
const wanted = record({ of: constantFrom('all', 'key', 'prefix'), text }).map(({ of, text: each }): Wanted => {
  if (of === 'key') return { of, key: each }
  return of === 'prefix' ? { of, prefix: each } : { of: 'all' }
})

test('the followers that are found for a key are those that comparing the texts finds', () => {
  check(
    property(array(wanted, { maxLength: 20 }), array(text, { maxLength: 20 }), (all, keys) => {
      const followers = new Followers()
      const added = all.map((each) => ({ follower: named(each), remove: () => {} }))
      for (const each of added) each.remove = followers.add(each.follower, each.follower.wanted)
      for (const part of [added, added.filter((_, index) => index % 2 === 0)]) {
        for (const each of added) if (!part.includes(each)) each.remove()
        for (const key of keys) {
          const found = [...followers.wanting(key)]
          const expected = part.map(({ follower }) => follower).filter((follower) => wants(follower, key))
          expect(new Set(found)).toEqual(new Set(expected))
          expect(found).toHaveLength(expected.length)
        }
        expect(followers.size).toBe(part.length)
        expect([...followers]).toHaveLength(part.length)
      }
      for (const { remove } of added) remove()
      for (const { remove } of added) remove()
      expect([followers.size, followers.hasSelective, followers.ofAll.size]).toEqual([0, false, 0])
    }),
  )
})
