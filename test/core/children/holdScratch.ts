/** Makes a scratch folder with a file in it, prints its path, and stays. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as ArtifactStore from "@thaw/core/ArtifactStore"
import { Effect } from "effect"

const program = Effect.gen(function* () {
  const store = yield* ArtifactStore.ArtifactStore
  const folder = yield* store.scratch
  writeFileSync(join(folder, "half.bin"), "half")
  console.log(folder)
  yield* Effect.sleep("1 minute")
}).pipe(Effect.scoped)

await Effect.runPromise(Effect.provide(program, ArtifactStore.folder(process.argv[2] ?? "")))
