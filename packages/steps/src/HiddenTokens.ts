/**
 * How well heads for hidden tokens do on held-out examples: what is hidden is the same at every evaluation.
 *
 * Only two numbers a token leave the graph, see `MaskedScores`.
 */
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as MaskedScores from "@thaw/models/MaskedScores"
import * as Parameter from "@thaw/models/Parameter"
import type { SessionFailed } from "@thaw/onnx/Errors"
import type { Device, Session } from "@thaw/onnx/Session"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import type { Scope } from "effect"
import * as Batch from "./Batch.ts"
import type * as Masking from "./Masking.ts"
import * as Updates from "./training/Updates.ts"

/** Heads for hidden tokens whose weights are resident on a device. */
export interface Guessing {
  readonly sessions: Readonly<Record<string, Guesses>>
  readonly heads: Batch.Heads
  readonly padId: number
}

interface Guesses {
  readonly session: Session
  readonly accepted: (feeds: Readonly<Record<string, Tensor.Tensor>>) => Readonly<Record<string, Tensor.Tensor>>
  readonly resident: Readonly<Record<string, string>>
}

export const open = Effect.fnUntraced(function* (
  device: Device,
  { config, heads }: Pick<Checkpoint.Checkpoint, "config" | "heads">,
  padId: number,
): Effect.fn.Return<Guessing, SessionFailed, Scope.Scope> {
  const sessions: Record<string, Guesses> = {}
  for (const [task, head] of Object.entries(heads)) {
    if (head.kind !== "maskedTokens") continue
    const model = MaskedScores.make(config, head, task, Parameter.inputs())
    sessions[task] = {
      session: yield* device.session(model.graph),
      accepted: (feeds) => Updates.accepted(feeds, model.graph),
      resident: Updates.weightsOf(model),
    }
  }
  return { sessions, heads, padId }
})

/** Examples that go through the graph at once: their scores are vocabularies. */
const examplesAtOnce = 32

export interface Found {
  /** −log of the probability of every hidden token, in the order of the examples. */
  readonly surprises: ReadonlyArray<number>
  /** How many of them are the likeliest token. */
  readonly right: number
}

/** What the head of a task says of tokens that `mask` hides. */
export const of = Effect.fnUntraced(function* (
  { sessions, heads, padId }: Guessing,
  task: string,
  examples: ReadonlyArray<Batch.EncodedExample>,
  mask: Masking.Mask,
  seed: Parameters<Masking.Mask>[1],
): Effect.fn.Return<Found, SessionFailed> {
  const { session, accepted, resident } = sessions[task]!
  const found: Array<ReadonlyArray<number>> = Array.from({ length: examples.length }, () => [])
  let right = 0
  const order = Batch.byLength(examples)
  for (let start = 0; start < order.length; start += examplesAtOnce) {
    const places = order.slice(start, start + examplesAtOnce)
    const hidden = places.map((place) => mask(examples[place]!, seed))
    const { feeds } = Batch.make(hidden, { [task]: heads[task]! }, padId)
    const [asked, labels] = [feeds[`places.${task}`], feeds[`labels.${task}`]]
    // Texts without a token of a word have nothing to hide.
    if (asked === undefined || labels === undefined) continue
    const told = yield* session.run({
      feeds: accepted({ ...feeds, places: asked, labels }),
      resident,
      fetch: ["surprise", "least"],
    })
    const [surprise, least] = [Tensor.numbers(told["surprise"]!), Tensor.numbers(told["least"]!)]
    let at = 0
    for (const [row, place] of places.entries()) {
      const count = hidden[row]!.masked?.[task]?.places.length ?? 0
      found[place] = Array.from(surprise.slice(at, at + count))
      for (let each = at; each < at + count; each++) if (surprise[each] === least[each]) right++
      at += count
    }
  }
  return { surprises: found.flat(), right }
})
