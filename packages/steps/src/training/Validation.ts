/**
 * Answers to the same held-out examples again and again, while a frozen bottom stays as it is: what the bottom gives for
 * a batch stays on the device, and from the second time on only what is above it is computed.
 *
 * Weights are inputs of both parts, so scores are to the last bit those of `Inference`, which takes the same batches.
 */
import * as Boundary from "@thaw/models/Boundary"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as Group from "@thaw/models/Group"
import * as InferenceModel from "@thaw/models/InferenceModel"
import * as Parameter from "@thaw/models/Parameter"
import type { SessionFailed } from "@thaw/onnx/Errors"
import type { Device } from "@thaw/onnx/Session"
import { Effect } from "effect"
import type { Scope } from "effect"
import * as HiddenTokens from "../HiddenTokens.ts"
import * as Inference from "../Inference.ts"
import * as BoundaryRows from "./BoundaryRows.ts"
import * as Updates from "./Updates.ts"

export interface Options {
  readonly device: Device
  readonly checkpoint: Pick<Checkpoint.Checkpoint, "config" | "heads">
  readonly padId: number
  /** The highest group of the frozen bottom; undefined where the embeddings train. */
  readonly frozen: Group.Group | undefined
  readonly budgetBytes: number
}

/** The most that stays on the device, whatever the budget of the cache on disk is. */
const mostBytes = 2 ** 28

export const open = Effect.fnUntraced(function* ({
  device,
  checkpoint,
  padId,
  frozen,
  budgetBytes,
}: Options): Effect.fn.Return<Inference.Answering, SessionFailed, Scope.Scope> {
  const { config, heads } = checkpoint
  const budget = Math.min(budgetBytes, mostBytes)
  const cuts = frozen !== undefined && frozen !== Group.embeddings && budget > 0
  if (!cuts || InferenceModel.scoring(heads).length === 0) {
    return yield* Inference.open(device, checkpoint, padId)
  }
  const groups = Group.ofEncoder(config.dimensions.blocks)
  const bottom = groups.slice(0, groups.indexOf(frozen) + 1)
  const { above, below, form } = InferenceModel.cut(config, heads, Parameter.inputs(), bottom)
  const under = yield* device.session(below.graph)
  const session = yield* device.session(above.graph)
  const inputs = new Set(above.graph.inputs.map(({ name }) => name))
  const weights = Updates.weightsOf(below)
  const kept = new Map<string, Readonly<Record<string, string>>>()
  let keptBytes = 0
  const take: Updates.Below = (examples, feeds) =>
    Effect.suspend(() => {
      const batch = examples.map(BoundaryRows.digestOf).join("\n")
      const known = kept.get(batch)
      if (known !== undefined) return Effect.succeed({ feeds, resident: known })
      const [rows = 0, tokens = 0] = feeds["input_ids"]!.shape
      const size = BoundaryRows.sizeBytes(form, rows, rows * tokens, config.dimensions.hidden, "fp32")
      const fits = keptBytes + size <= budget
      const place = fits ? `below.${kept.size}` : "below"
      const resident = Object.fromEntries(
        form.map((reading) => [Boundary.nameOf[reading], `${place}.${Boundary.nameOf[reading]}`]),
      )
      const run = under.run({ feeds: Updates.accepted(feeds, below.graph), resident: weights, keep: resident })
      return Effect.map(run, () => {
        if (fits) {
          kept.set(batch, resident)
          keptBytes += size
        }
        return { feeds, resident }
      })
    })
  const guessing = yield* HiddenTokens.open(device, checkpoint, padId)
  return { ...guessing, session, inputs, resident: Updates.weightsOf(above), below: take }
})
