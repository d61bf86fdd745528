/** What a hub's refusal of an upload means to the one who asked for it. */
import * as Address from "./Address.ts"
import { HubRefused } from "./Errors.ts"
import type { Settings } from "./Hub.ts"
import * as Requests from "./Requests.ts"

/** Another client was faster, or a repository of that name came into being. */
export const isConflict = ({ status }: Requests.Refused): boolean => status === 409 || status === 412

export const explain = (settings: Settings, at: Address.Repository, refused: Requests.Refused): HubRefused => {
  const { status, said } = refused
  const { host } = Requests.endpoint(settings)
  const owner = at.name.split("/")[0]!
  const got = `the answer ${status}${said === undefined ? "" : ` (${said})`}`
  const problem = (expected: string, advice: string) => new HubRefused(Address.problem(at, expected, got, advice))
  if (status === 401) {
    return problem(`a token that ${host} knows`, "Check HF_TOKEN; it may have been revoked.")
  }
  if (status === 403) {
    return problem(
      "an account that may write there",
      `Give the token of HF_TOKEN write access to ${owner}, or name another repository.`,
    )
  }
  if (status === 404) {
    return problem(`a place of that name on ${host}`, `Check that ${owner} exists and that HF_TOKEN may write to it.`)
  }
  return problem(`an upload that ${host} takes`, "")
}

export const withoutToken = (settings: Settings, at: Address.Repository): HubRefused =>
  new HubRefused(
    Address.problem(
      at,
      "a token that may write there in HF_TOKEN",
      "none",
      `Make one on the page of the account at ${Requests.endpoint(settings).host}. What ran before this is kept.`,
    ),
  )
