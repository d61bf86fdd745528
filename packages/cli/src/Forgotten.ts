/** What tasks lost from phase to phase, read from the history of every chain of phases in a run, cached ones included. */
import { ArtifactStore } from "@thaw/core/ArtifactStore"
import * as Artifact from "@thaw/core/Artifact"
import type * as Dag from "@thaw/core/Dag"
import type * as Driver from "@thaw/core/Driver"
import type { ArtifactBroken } from "@thaw/core/Errors"
import type * as Forgetting from "@thaw/steps/training/Forgetting"
import { Effect } from "effect"

/** Tables by the label of each chain's last phase; chains of one phase have nothing to forget. */
export const read = Effect.fnUntraced(function* (
  dag: Dag.Dag,
  outcomes: Driver.Outcomes,
): Effect.fn.Return<Readonly<Record<string, Forgetting.Table>>, ArtifactBroken, ArtifactStore> {
  const phases = dag.nodes.filter(({ step }) => step.name === "Train.phase")
  const followed = new Set(phases.flatMap(({ needs }) => needs.map(({ from }) => from)))
  const last = phases.filter((node) => !followed.has(node))
  if (last.length === phases.length) return {}
  const store = yield* ArtifactStore
  const [{ Training, decodeJson }, History, { table }] = yield* Effect.promise(() =>
    Promise.all([
      import("@thaw/models/CheckpointFiles"),
      import("@thaw/steps/training/History"),
      import("@thaw/steps/training/Forgetting"),
    ]),
  )
  const tables: Record<string, Forgetting.Table> = {}
  for (const node of last) {
    const reference = Object.values(outcomes.get(node)!.result.outputs)[0]!
    const folder = yield* store.path(reference)
    if (folder === undefined) continue
    const files = new Map([["training.json", Artifact.file(`${folder}/training.json`)]])
    const entries = History.entries((yield* decodeJson(Training, files, "training.json")).history)
    if (entries.length > 1) tables[node.label] = table(entries)
  }
  return tables
})
