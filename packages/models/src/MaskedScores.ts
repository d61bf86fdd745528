/**
 * How well a head for hidden tokens says what they were, as one graph:
 *
 * ```
 * input_ids, attention_mask, token_type_ids, places [masked], labels [masked], weights
 *   ──► surprise   −log softmax(logits)[label] of every hidden token, [masked]
 *       least      of the likeliest token, [masked]: the same where the head is right
 * ```
 *
 * `places` count the tokens of the whole batch, padding included. Figures of a few numbers leave the graph where logits
 * would be vocabularies.
 */
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import * as Value from "@thaw/onnx/Value"
import * as EncoderConfig from "./EncoderConfig.ts"
import * as Group from "./Group.ts"
import * as Head from "./Head.ts"
import type { InferenceModel } from "./InferenceModel.ts"
import * as Inputs from "./Inputs.ts"
import * as Network from "./Network.ts"
import type { Weights } from "./Parameter.ts"

/** @param head of kind `maskedTokens` */
export const make = (
  config: EncoderConfig.EncoderConfig,
  head: Head.Head,
  task: string,
  weights: Weights,
): InferenceModel => {
  const network = EncoderConfig.network(config)
  const inputs = Inputs.make()
  const hidden = Network.forward(network, Group.ofEncoder(config.dimensions.blocks), weights, inputs)
  const { parameters, logits } = Head.network(head, task, config.dimensions.vocab, config)
  const [places, labels] = [Value.input("places", "int32", ["masked"]), Value.input("labels", "int32", ["masked"])]
  const scores = logits(weights, Op.Gather(hidden, places, { axis: 0 }))
  const likelihoods = Op.LogSoftmax(scores, { axis: -1 })
  const ofLabel = Op.GatherElements(likelihoods, Op.Unsqueeze(labels, { axes: [1] }), { axis: 1 })
  return {
    graph: Graph.make({
      name: "surprise of hidden tokens",
      outputs: {
        surprise: Op.Neg(Op.Squeeze(ofLabel, { axes: [1] })),
        least: Op.Neg(Op.ReduceMax(likelihoods, { axes: [1], keepdims: 0 })),
      },
    }),
    parameters: [...Network.parameters(network), ...parameters],
  }
}
