/** One way to ask the hub library about models and datasets, for which it has functions of two shapes. */
import { datasetInfo, listDatasets, listModels, modelInfo } from "@huggingface/hub"
import type { Repository } from "../Address.ts"
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
