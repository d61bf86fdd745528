/**
 * The one door to the hub library, which has functions of two shapes for models and datasets. Everything goes through the
 * `fetch` that is given.
 */
import { datasetInfo, getRepoFolderName, listDatasets, listFiles, listModels, modelInfo } from "@huggingface/hub"
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
