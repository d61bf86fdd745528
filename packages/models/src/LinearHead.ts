/** The plainest head: one map from vectors to logits. */
import type { Dimensions } from "./Dimensions.ts"
import type { ClassifierHead } from "./Family.ts"
import type { Group } from "./Group.ts"
import * as Linear from "./Linear.ts"

export const make = (group: Group, { hidden, initializerRange }: Dimensions, classes: number): ClassifierHead => {
  const classifier = Linear.make(`${group}.classifier`, group, { inputs: hidden, outputs: classes, initializerRange })
  return {
    parameters: Linear.parameters(classifier),
    logits: (weights, vectors, drop) => Linear.forward(classifier, weights, drop(vectors, "read")),
  }
}
