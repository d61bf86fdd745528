/**
 * An encoder together with the masked-token head that it was pre-trained with: it says which words fit into a gap.
 */
import { join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import type * as Wire from "@thaw/core/Wire"
import * as Safetensors from "@thaw/onnx/Safetensors"
import { Effect } from "effect"
import * as Checkpoint from "./Checkpoint.ts"
import * as CheckpointFiles from "./CheckpointFiles.ts"
import * as Encoder from "./Encoder.ts"
import * as EncoderConfig from "./EncoderConfig.ts"
import * as MaskedHead from "./MaskedHead.ts"

export interface MaskedEncoder {
  readonly encoder: Checkpoint.Checkpoint
  /** `masked_head.safetensors` */
  readonly head: Artifact.Content
}

const headFile = "masked_head.safetensors"

/** A checkpoint's files, and the head's beside them. */
export const MaskedEncoder: Artifact.Kind<MaskedEncoder> = Artifact.make<MaskedEncoder>({
  kind: "maskedEncoder",
  write: ({ encoder, head }) =>
    Effect.map(Checkpoint.Checkpoint.write(encoder), (files) => new Map([...files, [headFile, head] as const])),
  read: Effect.fnUntraced(function* (files) {
    const encoder = yield* Checkpoint.Checkpoint.read(files)
    // Fails where the file is not there.
    const head = files.get(headFile) ?? Artifact.bytes(yield* Artifact.readBytes(files, headFile))
    return { encoder, head }
  }),
})

/** The encoder with the head of the folder that it came from. */
export const withHead = Step.make({
  name: "MaskedEncoder.withHead",
  version: "1",
  input: { encoder: Checkpoint.Checkpoint, path: Source.folder },
  output: MaskedEncoder,
  run: Effect.fnUntraced(function* ({ encoder, path: folder }) {
    const words = EncoderConfig.network(encoder.config).embeddings.words.name
    const table = (yield* Checkpoint.tensors(encoder, [words]))[words]!
    const where = `${folder.written}/model.safetensors`
    const tensors = yield* MaskedHead.read(join(folder.path, "model.safetensors"), encoder.config, table, where)
    return { encoder, head: Artifact.bytes(Safetensors.encode(tensors)) }
  }, Effect.scoped),
})

/**
 * `MaskedEncoder.fromFolder({ path: "./bert-base-uncased" })`: a folder as for `Encoder.fromFolder` whose
 * `model.safetensors` also has the pre-training head (`cls.predictions.*`; `vocab_*` of a DistilBERT).
 *
 * Fails with `EncoderInvalid` where it has none.
 */
export const fromFolder = ({ path }: { readonly path: string }): Wire.Wire<MaskedEncoder> =>
  withHead({ encoder: Encoder.fromFolder({ path }), path })

/** Paths of both files of weights for a process to load. */
export const onDisk = Effect.fnUntraced(function* ({ encoder, head }: MaskedEncoder, folder: string) {
  const { weights } = yield* Checkpoint.onDisk(encoder, folder)
  return { weights, head: yield* CheckpointFiles.onDisk(head, folder, headFile) }
})
