/** Next to no arithmetic: shows that everything works, not how fast it is. */
import * as UpdateCase from "../UpdateCase.ts"

export const tiny = UpdateCase.make({
  name: "tiny",
  workload: {
    blocks: 2,
    hidden: 16,
    heads: 2,
    intermediate: 32,
    vocab: 100,
    batch: 4,
    tokens: 8,
    frozenGroups: 2,
  },
  rounds: 2,
})
