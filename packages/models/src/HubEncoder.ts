/**
 * An encoder from a hub: the same files as of a folder, and no others, at one commit. They lie at the top, or in the
 * `encoder/` of a repository that `Export.toHub` made.
 *
 * The config is fetched when the address is pinned, so that plans know what the encoder consists of.
 */
import { join } from "node:path"
import * as Step from "@thaw/core/Step"
import * as Address from "@thaw/hub/Address"
import * as CacheFolder from "@thaw/hub/CacheFolder"
import { Hub } from "@thaw/hub/Hub"
import * as Pinning from "@thaw/hub/Pinning"
import * as Progress from "@thaw/hub/Progress"
import * as Revision from "@thaw/hub/Revision"
import * as Snapshot from "@thaw/hub/Snapshot"
import { Effect, Schema } from "effect"
import * as Checkpoint from "./Checkpoint.ts"
import * as EncoderFolder from "./EncoderFolder.ts"
import * as WeightFiles from "./WeightFiles.ts"

const pin = Effect.fnUntraced(function* (address: Address.Address) {
  const at = yield* Revision.pin(address)
  // A commit that is written out needs no network to be known; without one nothing is foreseen.
  yield* Snapshot.files(at, [configs.top]).pipe(
    Effect.catchTag("HubMissing", (missing) =>
      Snapshot.files(at, [configs.exported]).pipe(Effect.catchTag("HubMissing", () => Effect.fail(missing))),
    ),
    Effect.catchTag("HubUnreachable", () => Effect.void),
  )
  return at
})

const folder = "encoder/"
const configs = { top: "config.json", exported: `${folder}config.json` } as const

export const fromHub = Step.make({
  name: "Encoder.fromHub",
  version: "2",
  input: { from: Pinning.source("model", pin), task: Schema.optionalKey(Schema.String) },
  output: Checkpoint.Checkpoint,
  forecast: ({ sources: { from }, parameters }) => {
    const { written } = from!
    const glimpse = (path: string) =>
      CacheFolder.glimpse(Effect.runSync(Effect.service(Hub)), Address.parse(written), path)
    const config = glimpse(configs.top) ?? glimpse(configs.exported)
    const task = parameters["task"] as string | undefined
    return config === undefined ? undefined : EncoderFolder.forecast(config, written, task)
  },
  run: Effect.fnUntraced(function* ({ from, task }) {
    const at = Pinning.of(from)
    const report = yield* Progress.report
    const paths = yield* Snapshot.paths(at)
    const inside = !paths.includes(configs.top) && paths.includes(configs.exported) ? folder : ""
    const names = paths.flatMap((path) => {
      const name = path.startsWith(inside) ? path.slice(inside.length) : "/"
      return name.includes("/") ? [] : [name]
    })
    const fetched = (wanted: ReadonlyArray<string>) =>
      Snapshot.files(at, wanted.map((name) => inside + name), report) // prettier-ignore
    const weights = WeightFiles.main(names)
    const top = yield* fetched([...EncoderFolder.texts(names), ...(weights === undefined ? [] : [weights])])
    const place = { path: join(top, inside), written: from.pinned }
    if (weights !== undefined && WeightFiles.isIndex(weights)) {
      const text = (name: string) => Snapshot.text(at, inside + name)
      yield* fetched(yield* WeightFiles.of(place.written, weights, names, text))
    }
    return yield* EncoderFolder.read(place, names, task)
  }),
})
