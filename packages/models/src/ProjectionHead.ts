/** The sentence head of RoBERTa, MPNet and ELECTRA: a map, an activation and another map, with dropout before both maps. */
import type { Value } from "@thaw/onnx/Value"
import type { Family } from "./Family.ts"
import * as Linear from "./Linear.ts"

export const make =
  (activation: (x: Value) => Value): Family["heads"]["cls"] =>
  (group, { hidden, initializerRange }, classes) => {
    const map = (name: string, outputs: number) =>
      Linear.make(`${group}.classifier.${name}`, group, { inputs: hidden, outputs, initializerRange })
    const [dense, project] = [map("dense", hidden), map("out_proj", classes)]
    return {
      parameters: [...Linear.parameters(dense), ...Linear.parameters(project)],
      logits: (weights, first, drop) => {
        const activated = activation(Linear.forward(dense, weights, drop(first, "features")))
        return Linear.forward(project, weights, drop(activated, "read"))
      },
    }
  }
