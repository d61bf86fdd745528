/** Thaw's update, with the requests of a phase of training: state stays in the session process, a loss comes back. */
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import type { SessionFailed } from "@thaw/onnx/Errors"
import { Sessions } from "@thaw/onnx/Session"
import type * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import { identity } from "@thaw/steps/training/Resident"
import { accepted } from "@thaw/steps/training/Updates"
import { Effect } from "effect"
import * as Timed from "./Timed.ts"
import type { Subject } from "./Workload.ts"

export interface ThawUpdate {
  /** One update, prefix included. */
  readonly contender: Timed.Contender
  /** The same feeds and residents through the same process, with next to nothing to compute. */
  readonly roundTrip: Timed.Contender
  /** How long the update's session took to create. */
  readonly creationSeconds: number
}

type Feeds = Readonly<Record<string, Tensor.Tensor>>

/** Opens a device that holds the subject and lives as long as the scope. */
export const open = Effect.fnUntraced(function* (subject: Subject) {
  const { model, update, state } = subject
  const sessions = yield* Sessions
  const device = yield* sessions.open
  // One at a time: a message of everything would need all of it twice at once.
  for (const [name, tensor] of Object.entries(state)) yield* device.put({ [name]: tensor })
  const prefix =
    model.prefix === undefined ? undefined : { graph: model.prefix, session: yield* device.session(model.prefix) }
  const { value: session, seconds: creationSeconds } = yield* Timed.timed(device.session(update.graph))
  const probing = yield* device.session(readingEverything(update.graph))
  const crossing = identity(prefix === undefined ? [] : prefix.graph.outputs.map(({ name }) => name))
  const resident = { ...identity(Object.keys(update.state)), ...accepted(crossing, update.graph) }
  const keep = Object.fromEntries(Object.entries(update.state).map(([name, next]) => [next, name]))

  let at = 0
  /** Batches are drawn before the clock starts. */
  const asking = (
    what: (batch: Feeds, feeds: Feeds) => Effect.Effect<unknown, SessionFailed>,
  ): Effect.Effect<number, SessionFailed> =>
    Effect.suspend(() => {
      const batch = subject.batch(at)
      const feeds = { ...accepted(batch, update.graph), ...subject.rates(at) }
      at++
      return Timed.secondsOf(what(batch, feeds))
    })
  return {
    contender: {
      name: "thaw",
      once: asking((batch, feeds) => {
        const updated = session.run({ feeds, resident, keep, fetch: ["loss"] })
        if (prefix === undefined) return updated
        return Effect.andThen(prefix.session.run({ feeds: accepted(batch, prefix.graph), keep: crossing }), updated)
      }),
    },
    roundTrip: {
      name: "round trip",
      once: asking((_, feeds) => probing.run({ feeds, resident, fetch: ["loss"] })),
    },
    creationSeconds,
  } satisfies ThawUpdate
})

/** A graph with the inputs of another that looks at their lengths only. */
const readingEverything = (graph: Graph.Graph): Graph.Graph => {
  const lengths = graph.inputs.map(({ name, dtype, shape }) => {
    const lengths = Op.Shape(Value.input(name, dtype, shape), { start: 0, end: 1 })
    return Op.Cast(lengths, "float32")
  })
  return Graph.make({ name: "round trip", outputs: { loss: lengths.reduce((sum, each) => Op.Add(sum, each)) } })
}
