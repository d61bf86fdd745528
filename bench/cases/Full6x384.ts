/** Everything trains in an encoder of MiniLM's size. */
import * as UpdateCase from "../UpdateCase.ts"
import * as Workload from "../Workload.ts"

export const full6x384 = UpdateCase.make({
  name: "full/6x384/32x64",
  workload: { ...Workload.miniLM, frozenGroups: 0 },
  rounds: 12,
})
