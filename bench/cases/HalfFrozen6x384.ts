/** The same encoder with its embeddings and three of six blocks frozen, evaluated anew for every update. */
import * as UpdateCase from "../UpdateCase.ts"
import * as Workload from "../Workload.ts"

export const halfFrozen6x384 = UpdateCase.make({
  name: "half-frozen/6x384/32x64",
  workload: { ...Workload.miniLM, frozenGroups: 4 },
  rounds: 12,
})
