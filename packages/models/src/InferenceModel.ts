/**
 * All heads over one pass of the encoder: `logits.<task>`, [batch, classes] or [batch, tokens, classes]; of a number
 * [batch, 1]; of sentence embeddings `vectors.<task>`, [batch, hidden]. Heads for hidden tokens are left out: they answer
 * questions of another form, see `MaskedScores`.
 *
 * Weights are a part that is passed in: `Parameter.inputs()` for evaluation, where they change from call to call, or
 * `Parameter.initializers(tensors)` for a file that stands alone. The two forms differ in the last bits, so what is
 * compared must use one of them.
 */
import * as Extent from "@thaw/onnx/Extent"
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"
import * as Boundary from "./Boundary.ts"
import type * as Checkpoint from "./Checkpoint.ts"
import * as EncoderConfig from "./EncoderConfig.ts"
import * as Group from "./Group.ts"
import * as Head from "./Head.ts"
import * as Inputs from "./Inputs.ts"
import * as Network from "./Network.ts"
import type { Parameter, Weights } from "./Parameter.ts"
import * as Pooling from "./Pooling.ts"

export interface InferenceModel {
  readonly graph: Graph.Graph
  /** What the weights stand for. */
  readonly parameters: ReadonlyArray<Parameter>
}

export const make = (config: EncoderConfig.EncoderConfig, heads: Heads, weights: Weights): InferenceModel => {
  const { outputs, parameters } = values(config, heads, weights, Inputs.make())
  return {
    graph: Graph.make({ name: "inference", outputs }),
    parameters: [...Network.parameters(EncoderConfig.network(config)), ...parameters],
  }
}

/**
 * What the graph gives, by output, and the heads' parameters; `hidden` is what heads read, [batch*tokens, hidden].
 *
 * @param inputs may be of another type than the graph's own
 */
export const values = (
  config: EncoderConfig.EncoderConfig,
  heads: Heads,
  weights: Weights,
  inputs: Inputs.Inputs,
): Values => {
  const network = EncoderConfig.network(config)
  const hidden = Network.forward(network, Group.ofEncoder(config.dimensions.blocks), weights, inputs)
  return {
    ...answers(config, heads, weights, inputs, (reading) => Pooling.read[reading](hidden, inputs)),
    hidden,
  }
}

export interface Values {
  readonly outputs: Readonly<Record<string, Value>>
  readonly parameters: ReadonlyArray<Parameter>
  readonly hidden: Value
}

/** The same graph in two parts, which give the same bits one after the other. */
export interface Cut {
  /** Gives what crosses, see `Boundary`. */
  readonly below: InferenceModel
  readonly above: InferenceModel
  readonly form: Boundary.Form
}

/** @param bottom the lowest groups of the encoder, at least the embeddings */
export const cut = (
  config: EncoderConfig.EncoderConfig,
  heads: Heads,
  weights: Weights,
  bottom: ReadonlyArray<Group.Group>,
): Cut => {
  const network = EncoderConfig.network(config)
  const top = Group.ofEncoder(config.dimensions.blocks).slice(bottom.length)
  const kinds = scoring(heads).map((task) => Head.networkOf(heads[task]!, task, config).reads)
  const form = top.length > 0 ? (["tokens"] as const) : Boundary.formFor(kinds)
  const inputs = Inputs.make()
  const crossing = Network.forward(network, bottom, weights, inputs)
  const crosses = (reading: Pooling.Reading) => Boundary.input(reading, config.dimensions.hidden)
  const hidden = form[0] === "tokens" ? Network.forward(network, top, weights, inputs, crosses("tokens")) : undefined
  const { outputs, parameters } = answers(config, heads, weights, inputs, (reading) =>
    hidden === undefined ? crosses(reading) : Pooling.read[reading](hidden, inputs),
  )
  const part = (groups: ReadonlyArray<Group.Group>) => Network.parametersOf(network, groups)
  return {
    form,
    below: {
      graph: Graph.make({
        name: `inference below ${bottom.length} groups`,
        outputs: Object.fromEntries(
          form.map((reading) => [Boundary.nameOf[reading], Pooling.read[reading](crossing, inputs)]),
        ),
      }),
      parameters: part(bottom),
    },
    above: {
      graph: Graph.make({ name: `inference above ${bottom.length} groups`, outputs }),
      parameters: [...part(top), ...parameters],
    },
  }
}

type Heads = Readonly<Record<string, Checkpoint.Head>>

/** Tasks that any text can be asked for, sorted. */
export const answering = (heads: Heads): ReadonlyArray<string> =>
  Object.keys(heads)
    .filter((task) => Head.isLabelled(heads[task]!))
    .sort()

/** Tasks whose heads read a text as it is, sorted: those that answer it, and those that give its vector. */
export const scoring = (heads: Heads): ReadonlyArray<string> =>
  Object.keys(heads)
    .filter((task) => heads[task]!.kind !== "maskedTokens")
    .sort()

/** Name of the output with what a head gives. */
export const outputOf = (task: string, { kind }: Pick<Head.Head, "kind">): string =>
  kind === "sentenceEmbedding" ? `vectors.${task}` : `logits.${task}`

/** What every head says of what it reads, and all heads' parameters. */
const answers = (
  config: EncoderConfig.EncoderConfig,
  heads: Heads,
  weights: Weights,
  { attentionMask }: Inputs.Inputs,
  read: (reading: Pooling.Reading) => Value,
) => {
  const parameters: Array<Parameter> = []
  const outputs: Record<string, Value> = {}
  for (const task of scoring(heads)) {
    const head = Head.networkOf(heads[task]!, task, config)
    const logits = head.logits(weights, read(head.reads))
    parameters.push(...head.parameters)
    outputs[outputOf(task, heads[task]!)] =
      head.units.length === 1
        ? logits
        : Op.Reshape(logits, [Extent.of(attentionMask, 0), Extent.of(attentionMask, 1), Head.outputs(heads[task]!)])
  }
  return { outputs, parameters }
}
