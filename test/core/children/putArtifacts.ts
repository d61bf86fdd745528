/**
 * Puts artifacts 0 to `count`, which every such process has in common, and as many of its own; prints the hashes, or the
 * error and ends with 3.
 */
import * as Artifact from "@thaw/core/Artifact"
import * as ArtifactStore from "@thaw/core/ArtifactStore"
import { Effect } from "effect"

const [root = "", name = "", count = "0"] = process.argv.slice(2)

const content = (text: string) =>
  new Map([["part/text.txt", Artifact.bytes(new TextEncoder().encode(text.repeat(5000)))]])

const program = Effect.gen(function* () {
  const store = yield* ArtifactStore.ArtifactStore
  const hashes: Array<string> = []
  for (let number = 0; number < Number(count); number++) {
    hashes.push((yield* store.put("text", content(`shared ${number}\n`))).hash)
    hashes.push((yield* store.put("text", content(`${name} ${number}\n`))).hash)
  }
  return hashes
})

const said = program.pipe(
  Effect.provide(ArtifactStore.folder(root)),
  Effect.map((hashes) => JSON.stringify(hashes)),
  Effect.catch((error) => {
    process.exitCode = 3
    return Effect.succeed(error.message)
  }),
)

console.log(await Effect.runPromise(said))
