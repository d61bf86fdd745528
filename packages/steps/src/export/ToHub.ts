/**
 * What was exported, on a Hugging Face hub: the folder as it is, with its card, as one commit of a model's repository.
 *
 * The token comes from `HF_TOKEN` when the step runs and is part of nothing that is kept. Which hub it was is part of the
 * key: another `HF_ENDPOINT` is another upload.
 */
import * as path from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import * as Step from "@thaw/core/Step"
import * as Address from "@thaw/hub/Address"
import type { HubUnreachable } from "@thaw/hub/Errors"
import { Hub } from "@thaw/hub/Hub"
import * as Progress from "@thaw/hub/Progress"
import * as Requests from "@thaw/hub/Requests"
import * as Upload from "@thaw/hub/Upload"
import * as CheckpointFiles from "@thaw/models/CheckpointFiles"
import { Effect, Schema } from "effect"
import * as HuggingFace from "./HuggingFace.ts"

export const Published = Schema.Struct({
  /** `owner/name`. */
  repository: Schema.String,
  commit: Schema.String,
  /** For `Encoder.fromHub`: `hf://owner/name@<commit>`. */
  address: Schema.String,
  /** For people. */
  page: Schema.String,
})
export type Published = typeof Published.Type

export const kind = Artifact.json("published", Published, ({ page, address }) => `${page}\n\n${address}\n`)

const isRepository = (name: string): boolean => {
  try {
    const { kind: of, name: parsed, revision } = Address.parse(`hf://${name}`)
    return of === "model" && parsed === name && name.includes("/") && revision === "main"
  } catch {
    return false
  }
}

const Repository = Schema.String.check(Schema.makeFilter(isRepository, { expected: `a repository, "owner/name"` }))

/** Which hub it is; fails with `HubUnreachable` where that is no address. */
const endpoint = Effect.flatMap(Hub, (settings) =>
  Effect.try({ try: () => Requests.address(settings), catch: (cause) => cause as HubUnreachable }),
)

/**
 * Uploads an exported folder to `repository` and says which commit it became. A new repository is private unless `private`
 * is false; one that is there keeps what it is, and is refused where it is not what `private` says. What lies in its
 * `encoder/` and `tasks/` besides goes; other files of it stay. A failed upload leaves the repository as it was, though a
 * new one may be left empty. Where the repository has this very content nothing is sent.
 *
 * Fails with `HubRefused` without `HF_TOKEN` or with one that may not write there, and with `HubUnreachable` when the hub
 * gives no answer after every attempt.
 */
export const toHub = Step.make({
  name: "Export.toHub",
  version: "1",
  input: { folder: HuggingFace.HuggingFace, repository: Repository, private: Schema.optionalKey(Schema.Boolean) },
  output: kind,
  environment: Effect.map(endpoint, (hub) => ({ hub })),
  run: Effect.fnUntraced(function* ({ folder, repository, private: isPrivate }) {
    const { scratch } = yield* Step.StepRun
    const files: Array<Upload.File> = []
    for (const [name, content] of folder.files) {
      const { dir, base } = path.posix.parse(name)
      files.push({ path: name, from: yield* CheckpointFiles.onDisk(content, path.join(scratch, dir), base) })
    }
    const at = { kind: "model", name: repository } as const
    const { commit } = yield* Upload.folder({
      repository: at,
      files,
      whole: ["encoder", "tasks"],
      private: isPrivate,
      title: "Export of Thaw",
      report: yield* Progress.report,
    })
    const page = `${yield* endpoint}/${repository}`
    return { repository, commit, address: Address.pinned({ ...at, commit }), page } satisfies Published
  }),
})
