/** Everything trains in an encoder as small as BERT-tiny, where what is not arithmetic shows most. */
import * as UpdateCase from "../UpdateCase.ts"

export const full2x128 = UpdateCase.make({
  name: "full/2x128/32x32",
  workload: {
    blocks: 2,
    hidden: 128,
    heads: 2,
    intermediate: 512,
    vocab: 30522,
    batch: 32,
    tokens: 32,
    frozenGroups: 0,
  },
  rounds: 20,
})
