/**
 * An encoder from a hub: the same files as of a folder, and no others, at one commit.
 *
 * The config is fetched when the address is pinned, so that plans know what the encoder consists of.
 */
import * as Step from "@thaw/core/Step"
import * as Address from "@thaw/hub/Address"
import * as CacheFolder from "@thaw/hub/CacheFolder"
import { Hub } from "@thaw/hub/Hub"
import * as Pinning from "@thaw/hub/Pinning"
import * as Progress from "@thaw/hub/Progress"
import * as Revision from "@thaw/hub/Revision"
import * as Snapshot from "@thaw/hub/Snapshot"
import { Effect } from "effect"
import * as Checkpoint from "./Checkpoint.ts"
import * as EncoderConfig from "./EncoderConfig.ts"
import * as EncoderFolder from "./EncoderFolder.ts"
import * as Forecast from "./Forecast.ts"
import * as WeightFiles from "./WeightFiles.ts"

const pin = Effect.fnUntraced(function* (address: Address.Address) {
  const at = yield* Revision.pin(address)
  // A commit that is written out needs no network to be known; without one nothing is foreseen.
  yield* Snapshot.files(at, ["config.json"]).pipe(Effect.catchTag("HubUnreachable", () => Effect.void))
  return at
})

export const fromHub = Step.make({
  name: "Encoder.fromHub",
  version: "1",
  input: { from: Pinning.source("model", pin) },
  output: Checkpoint.Checkpoint,
  forecast: ({ sources: { from } }) => {
    const { written } = from!
    const config = CacheFolder.glimpse(Effect.runSync(Effect.service(Hub)), Address.parse(written), "config.json")
    return config === undefined ? undefined : Forecast.make(Effect.runSync(EncoderConfig.parse(config, written)))
  },
  run: Effect.fnUntraced(function* ({ from }) {
    const at = Pinning.of(from)
    const report = yield* Progress.report
    const names = (yield* Snapshot.paths(at)).filter((path) => !path.includes("/"))
    const weights = WeightFiles.main(names)
    const wanted = [...EncoderFolder.texts(names), ...(weights === undefined ? [] : [weights])]
    const folder = { path: yield* Snapshot.files(at, wanted, report), written: from.pinned }
    if (weights !== undefined && WeightFiles.isIndex(weights)) {
      const shards = yield* WeightFiles.of(folder.written, weights, names, (name) => Snapshot.text(at, name))
      yield* Snapshot.files(at, shards, report)
    }
    return yield* EncoderFolder.read(folder, names)
  }),
})
