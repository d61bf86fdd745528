/**
 * Examples from a dataset on a Hugging Face hub: the Parquet files of one split, at one commit.
 *
 * Where the `main` branch has no Parquet files, the hub's own conversion is read (`refs/convert/parquet`). Labels are
 * named by the files' metadata, or by the dataset's card.
 */
import * as Dataset from "@thaw/core/Dataset"
import * as Step from "@thaw/core/Step"
import type * as Address from "@thaw/hub/Address"
import * as Pinning from "@thaw/hub/Pinning"
import * as Progress from "@thaw/hub/Progress"
import * as Revision from "@thaw/hub/Revision"
import * as Snapshot from "@thaw/hub/Snapshot"
import { Effect, Schema } from "effect"
import * as Columns from "./Columns.ts"
import * as DatasetCard from "./DatasetCard.ts"
import * as Draft from "./Draft.ts"
import * as HubFiles from "./HubFiles.ts"
import * as Parquet from "./Parquet.ts"

const converted = "refs/convert/parquet"
const card = "README.md"

const pin = Effect.fnUntraced(function* (address: Address.Address) {
  const at = yield* Revision.pin(address)
  if (address.revision !== "main" || (yield* Snapshot.paths(at)).some(HubFiles.isParquet)) return at
  // Not every dataset is converted: then the commit as it is says what is wrong.
  return yield* Revision.pin({ ...address, revision: converted }).pipe(
    Effect.catchTag("HubMissing", () => Effect.succeed(at)),
  )
})

/**
 * `Load.huggingFace({ path: "hf://datasets/acme/moods@v1.0", split: "test", text: "text", label: "label" })`.
 *
 * The revision behind the @ is a branch, a tag or a commit, `main` unless given; the commit it stands for decides what
 * is kept (see `@thaw/hub/Revision`), and plan and run say it. `split` is `train` unless given; `config` is to be given
 * where the dataset has several. Columns as for `Load.parquet`.
 *
 * Fails with `SourceUnreadable` where the address stands for nothing, with the errors of `@thaw/hub` where files cannot
 * be had, with `InvalidData` naming file and row otherwise.
 */
export const huggingFace = Step.make({
  name: "Load.huggingFace",
  version: "2",
  input: {
    path: Pinning.source("dataset", pin),
    split: Schema.optionalKey(Schema.String),
    config: Schema.optionalKey(Schema.String),
    ...Columns.ofTypes,
  },
  output: Dataset.Examples,
  run: Effect.fnUntraced(function* ({ path: dataset, split = "train", config, labelNames, ...given }) {
    const columns = yield* Columns.of("Load.huggingFace", given)
    const at = Pinning.of(dataset)
    const paths = yield* Snapshot.paths(at)
    const said = paths.includes(card) ? DatasetCard.read(yield* Snapshot.text(at, card)) : DatasetCard.none
    const choice = { split, ...(config !== undefined && { config }) }
    const found = yield* HubFiles.find(dataset.pinned, paths, said, choice)
    const folder = yield* Snapshot.files(at, found.paths, yield* Progress.report)
    const source = { path: folder, written: dataset.pinned }
    const files = found.paths.map((path) => ({ path: `${folder}/${path}`, written: `${dataset.pinned}/${path}` }))
    const format = Parquet.format(columns, { ...said.labelNames.get(found.config), ...labelNames })
    return yield* Draft.examples(source, format, Columns.tasksOf(columns), () => files)
  }),
})
