/**
 * One hash that tells encoders apart: of the names of its tensors and the SHA-256 of each, in the order of names, adapters
 * among them. A checkpoint keeps, for each head, the digest of the encoder that the head last trained on: on another one
 * its answers mean less.
 */
import { createHash } from "node:crypto"
import type { SafetensorsBroken } from "@thaw/onnx/Errors"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import type * as Checkpoint from "./Checkpoint.ts"
import * as CheckpointFiles from "./CheckpointFiles.ts"
import * as EncoderConfig from "./EncoderConfig.ts"
import * as Network from "./Network.ts"

/** Names of what it covers. */
export const names = (config: EncoderConfig.EncoderConfig): ReadonlyArray<string> =>
  Network.parameters(EncoderConfig.network(config)).map(({ name }) => name)

/** From the digest of each tensor, see `Tensor.digest`. */
export const joined = (digests: Readonly<Record<string, string>>): string => {
  const hash = createHash("sha256")
  for (const name of Object.keys(digests).sort()) hash.update(`${name} ${digests[name]!}\n`)
  return hash.digest("hex")
}

export const ofTensors = (
  config: EncoderConfig.EncoderConfig,
  tensors: Readonly<Record<string, Tensor.Tensor>>,
): string => joined(Object.fromEntries(names(config).map((name) => [name, Tensor.digest(tensors[name]!)])))

/** Of the checkpoint's encoder as it is. */
export const of = ({
  config,
  weights,
}: Pick<Checkpoint.Checkpoint, "config" | "weights">): Effect.Effect<string, SafetensorsBroken> =>
  CheckpointFiles.tensors(weights, names(config)).pipe(Effect.map((tensors) => ofTensors(config, tensors)))

type TrainedOn = Readonly<Record<string, string>>

/** Where the encoder changes its form and not what it computes: heads of the one are heads of the other. */
export const carried = (trainedOn: TrainedOn, before: () => string, after: () => string): TrainedOn => {
  if (Object.keys(trainedOn).length === 0) return trainedOn
  const [then, now] = [before(), after()]
  return Object.fromEntries(Object.entries(trainedOn).map(([task, digest]) => [task, digest === then ? now : digest]))
}

/** A digest as people tell it from another. */
export const short = (digest: string): string => digest.slice(0, 12)
