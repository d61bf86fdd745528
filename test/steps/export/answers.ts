/** What a checkpoint itself says of some texts, by its own graphs. */
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as FeatureModel from "@thaw/models/FeatureModel"
import * as Group from "@thaw/models/Group"
import * as InferenceModel from "@thaw/models/InferenceModel"
import * as Parameter from "@thaw/models/Parameter"
import * as Tokenizer from "@thaw/models/Tokenizer"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { Effect } from "effect"

export const texts = ["the cat sat on it.", "the cats", "happy dog reads the tokenizer and the text"]

/** The texts as one padded batch, and of each how many tokens it has. */
export const batchOf = async (checkpoint: Checkpoint.Checkpoint, dtype: "int32" | "int64") => {
  const tokenizer = await Effect.runPromise(Checkpoint.tokenizer(checkpoint))
  const limit = { maxTokens: Checkpoint.maxTokens(checkpoint, tokenizer) }
  const rows = texts.map((text) => Tokenizer.encode(tokenizer, text, limit))
  const tokens = Math.max(...rows.map(({ ids }) => ids.length))
  const tensor = dtype === "int32" ? Tensor.int32 : Tensor.int64
  const grid = (of: (row: Tokenizer.Encoded, at: number) => number) =>
    tensor(
      [rows.length, tokens],
      rows.flatMap((row) => Array.from({ length: tokens }, (_, at) => of(row, at))),
    )
  return {
    lengths: rows.map(({ ids }) => ids.length),
    feeds: {
      input_ids: grid(({ ids }, at) => ids[at] ?? tokenizer.padId),
      attention_mask: grid(({ ids }, at) => (at < ids.length ? 1 : 0)),
      token_type_ids: grid(({ typeIds }, at) => typeIds[at] ?? 0),
    } as Readonly<Record<string, Tensor.Tensor>>,
  }
}

/** What the checkpoint itself answers. */
export const answers = async (checkpoint: Checkpoint.Checkpoint) => {
  const { graph } = InferenceModel.make(checkpoint.config, checkpoint.heads, Parameter.inputs())
  const { feeds } = await batchOf(checkpoint, "int32")
  const weights = await Effect.runPromise(Checkpoint.tensors(checkpoint))
  return Onnxruntime.evaluate(graph, wanted({ ...weights, ...feeds }, graph.inputs))
}

export const wanted = (
  all: Readonly<Record<string, Tensor.Tensor>>,
  inputs: ReadonlyArray<{ readonly name: string }>,
) => Object.fromEntries(inputs.map(({ name }) => [name, all[name]!]))

/** Mean of the topmost vectors of every text, [batch, hidden]. */
export const pooled = async (checkpoint: Checkpoint.Checkpoint): Promise<Tensor.Tensor> => {
  const top = Group.block(checkpoint.config.dimensions.blocks - 1)
  const { graph } = FeatureModel.make(checkpoint.config, [top], "mean", Parameter.inputs())
  const { feeds } = await batchOf(checkpoint, "int32")
  const weights = await Effect.runPromise(Checkpoint.tensors(checkpoint))
  const found = await Onnxruntime.evaluate(graph, wanted({ ...weights, ...feeds }, graph.inputs))
  return found[FeatureModel.outputOf(top)]!
}
