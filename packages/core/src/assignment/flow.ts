interface Edge {
  readonly to: number
  readonly cost: number
  room: number
  readonly back: number
}

/** The cheapest flow through a small network: successive shortest paths. Equal inputs give equal flows. */
export class Flow {
  readonly #edges: Edge[][]

  constructor(nodes: number) {
    this.#edges = Array.from({ length: nodes }, () => [])
  }

  /** Adds an edge that `room` units can pass, each for `cost`. Returns a function that returns how many units pass. */
  connect(from: number, to: number, room: number, cost = 0): () => number {
    const [forth, back] = [this.#of(from), this.#of(to)]
    const edge: Edge = { to, cost, room, back: back.length }
    back.push({ to: from, cost: -cost, room: 0, back: forth.length })
    forth.push(edge)
    return () => room - edge.room
  }

  /** Sends as much as can pass, at the lowest cost. */
  send(source: number, target: number): void {
    for (;;) {
      const path = this.#cheapestPath(source, target)
      if (path.length === 0) return
      for (const edge of path) {
        edge.room--
        const back = this.#of(edge.to)[edge.back]
        if (back !== undefined) back.room++
      }
    }
  }

  /** The edges of the cheapest path that has room (Bellman and Ford: costs may be negative, cycles are not). */
  #cheapestPath(source: number, target: number): Edge[] {
    const costs = this.#edges.map((_, node) => (node === source ? 0 : Number.POSITIVE_INFINITY))
    const arrivals: ([from: number, edge: Edge] | undefined)[] = []
    for (let changed = true; changed; ) {
      changed = false
      for (const [from, edges] of this.#edges.entries()) {
        for (const edge of edges) {
          const cost = (costs[from] ?? 0) + edge.cost
          if (edge.room === 0 || cost >= (costs[edge.to] ?? 0)) continue
          costs[edge.to] = cost
          arrivals[edge.to] = [from, edge]
          changed = true
        }
      }
    }
    const path: Edge[] = []
    for (let node = target; node !== source; ) {
      const arrival = arrivals[node]
      if (arrival === undefined) return []
      node = arrival[0]
      path.push(arrival[1])
    }
    return path
  }

  #of(node: number): Edge[] {
    const edges = this.#edges[node]
    if (edges === undefined) throw new Error(`The flow has no node ${node}`)
    return edges
  }
}
