/**
 * The address of a repository on a hub.
 *
 * ```
 * hf://datasets/owner/name@revision     a dataset
 * hf://owner/name@revision              a model; hf://models/owner/name is the same
 * ```
 *
 * The revision is a branch, a tag or a commit, and may hold slashes; left out it is `main`. Very old repositories have
 * no owner.
 */
import { PipelineInvalid } from "@thaw/core/Errors"
import type * as Problem from "@thaw/core/Problem"

export interface Repository {
  readonly kind: "model" | "dataset"
  /** `owner/name`. */
  readonly name: string
}

export interface Address extends Repository {
  readonly revision: string
}

/** A repository at one commit. */
export interface Pinned extends Repository {
  readonly commit: string
}

export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision)

/** What the hub itself accepts as an owner or a name. */
const part = /^\w(?:[\w.-]*\w)?$/

/** Throws `PipelineInvalid`. */
export const parse = (text: string): Address => {
  const [, kind, name, , revision] = /^hf:\/\/(datasets\/|models\/)?([^@/]+(\/[^@/]+)?)(?:@(.*))?$/su.exec(text) ?? []
  if (name === undefined) {
    const form = /^hf:\/\/(?:datasets\/)?/.exec(text)?.[0]
    const advice = form === undefined ? "" : `What stands behind ${form} is owner/name.`
    throw invalid(text, "hf://datasets/<owner>/<name>@<revision> or hf://<owner>/<name>@<revision>", text, advice)
  }
  const sound = name.split("/").every((each) => part.test(each)) && !/--|\.\./.test(name) && name.length <= 96
  if (!sound) throw invalid(text, "an owner and a name of letters, digits and single '-', '_' and '.'", name)
  if (revision !== undefined && !isRevision(revision)) {
    throw invalid(text, "a branch, a tag or a commit after the @", revision)
  }
  return { kind: kind === "datasets/" ? "dataset" : "model", name, revision: revision ?? "main" }
}

/** Names that git allows and that stay below a folder. */
const isRevision = (revision: string): boolean =>
  revision.length <= 255 &&
  !/[\0-\x20\x7f~^:?*[\\]|@\{/.test(revision) &&
  revision.split("/").every((each) => each !== "" && !each.startsWith(".") && !each.endsWith(".") && !/\.\./.test(each))

const invalid = (where: string, expected: string, got: string, advice = "") =>
  new PipelineInvalid({ where: JSON.stringify(where), expected, got: JSON.stringify(got), advice })

/** The address without a revision. */
export const repository = ({ kind, name }: Repository): string => `hf://${kind === "dataset" ? "datasets/" : ""}${name}`

export const written = (address: Address): string => `${repository(address)}@${address.revision}`

export const pinned = (at: Pinned): string => `${repository(at)}@${at.commit}`

/** A problem with what stands at an address. */
export const problem = (at: Repository, expected: string, got: string, advice = ""): Problem.Problem => ({
  where: repository(at),
  expected,
  got,
  advice,
})
