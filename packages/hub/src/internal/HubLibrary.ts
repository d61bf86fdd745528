/**
 * The one door to the hub library, which has functions of two shapes for models and datasets. Everything goes through the
 * `fetch` that is given.
 */
import {
  commit as commitTo,
  createRepo,
  datasetInfo,
  getRepoFolderName,
  listDatasets,
  listFiles,
  listModels,
  modelInfo,
} from "@huggingface/hub"
import type { CommitOperation } from "@huggingface/hub"
import type { Pinned, Repository } from "../Address.ts"
import type { Settings } from "../Hub.ts"

/** What the hub takes for the commit of a revision. Rejects where there is none. */
export const commit = async (
  { endpoint: hubUrl }: Settings,
  { kind, name }: Repository,
  revision: string,
  fetch: typeof globalThis.fetch,
): Promise<unknown> => {
  const { sha } =
    kind === "model"
      ? await modelInfo({ name, revision, additionalFields: ["sha"], hubUrl, fetch })
      : await datasetInfo({ name, revision, additionalFields: ["sha"], hubUrl, fetch })
  return sha
}

/** Names of an owner's repositories of the kind. */
export const namesOf = async (
  { endpoint: hubUrl }: Settings,
  kind: Repository["kind"],
  owner: string,
  limit: number,
  fetch: typeof globalThis.fetch,
): Promise<ReadonlyArray<string>> => {
  const params = { search: { owner }, limit, hubUrl, fetch }
  const names: Array<string> = []
  for await (const { name } of kind === "model" ? listModels(params) : listDatasets(params)) names.push(name)
  return names.filter((name) => typeof name === "string")
}

/** All files and folders of a commit. */
export const tree = ({ endpoint: hubUrl }: Settings, { kind, name, commit }: Pinned, fetch: typeof globalThis.fetch) =>
  listFiles({ repo: { type: kind, name }, revision: commit, recursive: true, hubUrl, fetch })

/** The repository's folder in a cache. */
export const folder = ({ kind, name }: Repository): string => getRepoFolderName({ type: kind, name })

/** What the hub says of a model's repository. Rejects where there is none. */
export const repository = async (
  { endpoint: hubUrl }: Settings,
  name: string,
  fetch: typeof globalThis.fetch,
): Promise<{ readonly commit: unknown; readonly private: unknown }> => {
  const info = await modelInfo({ name, revision: "main", additionalFields: ["sha"], hubUrl, fetch })
  return { commit: info.sha, private: info.private }
}

/** A new model's repository. */
export const create = async (
  { endpoint: hubUrl }: Settings,
  name: string,
  visibility: "private" | "public",
  fetch: typeof globalThis.fetch,
): Promise<void> => {
  // Who asks is the business of the `fetch` that is given.
  const params = { repo: { type: "model", name }, visibility, hubUrl, fetch } as const
  await createRepo(params as typeof params & { readonly accessToken: string })
}

/** Content of a file, or none: it goes. */
export type Change = CommitOperation & { readonly operation: "addOrUpdate" | "delete" }

/**
 * One commit on the main branch of a model's repository, all or nothing; large files go to the hub's storage before it.
 *
 * @returns what the hub takes for the new commit
 */
export const change = async (
  { endpoint: hubUrl }: Settings,
  { name, commit: parentCommit }: Pinned,
  title: string,
  changes: ReadonlyArray<Change>,
  fetch: typeof globalThis.fetch,
): Promise<unknown> => {
  const made = await commitTo({
    repo: { type: "model", name },
    title,
    parentCommit,
    operations: [...changes],
    // Their own protocol for large files asks other hosts in other ways; all hubs know this one.
    useXet: false,
    hubUrl,
    fetch,
  })
  return made?.commit.oid
}
