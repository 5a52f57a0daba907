/** An event after which a follower has to read the view again: every change from the position on follows. */
export function positionEvent(id: string, fields: { readonly position: string }): Buffer {
  return event('position', id, JSON.stringify(fields))
}

/** An event that says that a follower has every change up to an id and a position. */
export function reachedEvent(id: string, position: string): Buffer {
  return event('reached', id, JSON.stringify({ position }))
}

/** An event that says why no more follow. */
export function errorEvent(body: object): Buffer {
  return Buffer.from(`event: error\ndata: ${JSON.stringify(body)}\n\n`)
}

/** A change, encoded, that is not the last one before an id. */
export function changeEvent(json: string): string {
  return `event: change\ndata: ${json}\n\n`
}

/** The events of one commit: at least one change, the last with the id and the position. */
export function commitEvents(changes: readonly string[], id: string, position: string): Buffer {
  const last = changes.length - 1
  const texts = changes.map((json, at) =>
    at === last
      ? `event: change\nid: ${id}\ndata: {"position":${JSON.stringify(position)},${json.slice(1)}\n\n`
      : changeEvent(json),
  )
  return Buffer.from(texts.join(''))
}

function event(name: string, id: string, data: string): Buffer {
  return Buffer.from(`event: ${name}\nid: ${id}\ndata: ${data}\n\n`)
}
