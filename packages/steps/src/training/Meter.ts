/**
 * A device that counts what its sessions compute: the matrix products of every run, at the lengths of what is fed, and
 * the seconds that runs were waited for.
 */
import * as Footprint from "@thaw/onnx/Footprint"
import type { Graph } from "@thaw/onnx/Graph"
import type { Device, Request } from "@thaw/onnx/Session"
import { Clock, Effect } from "effect"

export interface Meter {
  /** Runs on it are counted. */
  readonly device: Device
  readonly read: () => Reading
}

export interface Reading {
  /** Multiplications and additions. */
  readonly work: number
  readonly seconds: number
}

export const make = (device: Device): Meter => {
  let reading: Reading = { work: 0, seconds: 0 }
  return {
    device: {
      ...device,
      session: (graph) =>
        Effect.map(device.session(graph), (session) => {
          // Nothing is known of what others wrote.
          const workOf = "nodes" in graph ? counting(graph) : () => 0
          return {
            run: Effect.fnUntraced(function* (request) {
              const start = yield* Clock.currentTimeNanos
              const given = yield* session.run(request)
              const seconds = Number((yield* Clock.currentTimeNanos) - start) / 1e9
              reading = { work: reading.work + workOf(request), seconds: reading.seconds + seconds }
              return given
            }),
          }
        }),
    },
    read: () => reading,
  }
}

/** Work of a run, computed once for each shape of its feeds. */
const counting = (graph: Graph) => {
  const named = graph.inputs.filter(({ shape }) => shape.some((length) => typeof length === "string"))
  const known = new Map<string, number>()
  return ({ feeds = {} }: Request): number => {
    const lengths: Record<string, number> = {}
    for (const { name, shape } of named) {
      const fed = feeds[name]
      if (fed !== undefined) shape.forEach((length, axis) => (lengths[length] = fed.shape[axis]!))
    }
    const key = JSON.stringify(lengths)
    const work = known.get(key) ?? Footprint.work(graph, lengths)
    known.set(key, work)
    return work
  }
}
