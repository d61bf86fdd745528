/**
 * A hub on 127.0.0.1, by the hub's documented answers and not by our code, and a storage host on another port for its
 * large files. Both note every request. `misbehave` puts faults in the way.
 */
import { createHash } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Hub from "@thaw/hub/Hub"
import { Effect, Redacted } from "effect"
import { onTestFinished } from "vitest"

export interface Repository {
  readonly kind: "model" | "dataset"
  readonly name: string
  /** Branches and tags, and commits by their id. */
  readonly revisions: Record<string, string>
  /** Files by commit. */
  readonly commits: Record<string, Readonly<Record<string, string | Uint8Array>>>
  readonly gated?: boolean
  readonly private?: boolean
}

export interface Noted {
  readonly host: "hub" | "storage"
  readonly url: string
  readonly headers: IncomingMessage["headers"]
}

/** True where it has answered itself. */
export type Fault = (request: Noted, response: ServerResponse) => boolean

export const sha256 = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex")
export const gitBlob = (content: string | Uint8Array) =>
  createHash("sha1")
    .update(`blob ${Buffer.from(content).length}\0`)
    .update(content)
    .digest("hex")

/** Files longer than this, and what is not text, lie in the storage. */
const isLarge = (name: string, content: string | Uint8Array) =>
  content.length > 1000 || /\.(parquet|safetensors)$/.test(name)

const listen = (server: Server): Promise<string> =>
  new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
    onTestFinished(
      () =>
        new Promise<void>((closed) => {
          server.closeAllConnections()
          server.close(() => closed())
        }),
    )
  })

export const start = async (...repositories: ReadonlyArray<Repository>) => {
  const requests: Array<Noted> = []
  const faults: Array<Fault> = []
  const pageSize = 2

  const noted = (host: Noted["host"], handle: (url: URL, request: IncomingMessage, response: ServerResponse) => void) =>
    createServer((request, response) => {
      const note: Noted = { host, url: request.url ?? "", headers: request.headers }
      requests.push(note)
      if (!faults.some((fault) => fault(note, response))) handle(new URL(note.url, "http://hub"), request, response)
    })

  const storage = noted("storage", (url, request, response) => {
    const content = stored.get(url.pathname.slice(1))
    if (content === undefined) return refuse(response, 404)
    send(request, response, content)
  })
  const stored = new Map<string, Buffer>()
  const storageUrl = await listen(storage)

  const hub = noted("hub", (url, request, response) => {
    const parts = url.pathname.slice(1).split("/").map(decodeURIComponent)
    const api = parts[0] === "api"
    if (api) parts.shift()
    const kind = parts[0] === "datasets" ? "dataset" : "model"
    if (parts[0] === "datasets" || parts[0] === "models") parts.shift()
    if (api && parts.length === 0) {
      const owner = url.searchParams.get("author")
      const own = repositories.filter((each) => each.kind === kind && each.name.startsWith(`${owner}/`))
      return json(response, own.map(({ name }) => ({ _id: "1", id: name, tags: [] }))) // prettier-ignore
    }
    const name = parts.splice(0, 2).join("/")
    const repository = repositories.find((each) => each.kind === kind && each.name === name)
    const authorized = request.headers.authorization === "Bearer hf_secret"
    if (repository === undefined || (repository.private === true && !authorized)) {
      return refuse(response, authorized ? 404 : 401, "RepoNotFound")
    }
    const [verb, ...rest] = parts
    if (verb === "refs") {
      const names = Object.keys(repository.revisions).map((each) => ({ name: each, ref: `refs/heads/${each}` }))
      return json(response, { branches: names, tags: [], converts: [] })
    }
    const revision = verb === "revision" ? rest.join("/") : rest.shift()!
    const commit = repository.commits[revision] === undefined ? repository.revisions[revision] : revision
    if (commit === undefined) return refuse(response, 404, "RevisionNotFound")
    if (verb === "revision") return json(response, { _id: "1", id: name, sha: commit, lastModified: "2024-01-01" })
    const files = Object.entries(repository.commits[commit]!)
    if (verb === "tree") {
      const from = Number(url.searchParams.get("cursor") ?? 0)
      const next = new URL(url.href)
      next.searchParams.set("cursor", String(from + pageSize))
      const at = `http://${request.headers.host}${next.pathname}${next.search}`
      const more = from + pageSize < files.length ? { link: `<${at}>; rel="next"` } : {}
      return json(response, files.slice(from, from + pageSize).map(entryOf), more)
    }
    if (repository.gated === true && !authorized) return refuse(response, 401, "GatedRepo")
    const found = files.find(([file]) => file === rest.join("/"))
    if (found === undefined) return refuse(response, 404, "EntryNotFound")
    const content = Buffer.from(found[1])
    if (!isLarge(...found)) return send(request, response, content)
    stored.set(sha256(content), content)
    response.writeHead(302, { location: `${storageUrl}/${sha256(content)}?signature=topsecret` }).end()
  })
  const url = await listen(hub)
  const cache = mkdtempSync(path.join(tmpdir(), "thaw-hub-"))
  onTestFinished(() => rmSync(cache, { recursive: true, force: true }))
  const pauses: Array<number> = []
  const settings: Hub.Settings = {
    ...Hub.fromEnvironment({ HF_ENDPOINT: url, HF_HUB_CACHE: cache }),
    pause: (millis) => Effect.sync(() => void pauses.push(millis)),
  }
  return {
    url,
    cache,
    requests,
    /** Waits between attempts, which nobody waits for here. */
    pauses,
    settings,
    withToken: { ...settings, token: Redacted.make("hf_secret") },
    misbehave: (fault: Fault) => void faults.push(fault),
    /** The first `times` requests that match. */
    misbehaveOnce: (matching: RegExp, fault: (response: ServerResponse, request: Noted) => void, times = 1) => {
      let left = times
      faults.push((request, response) => {
        if (left === 0 || !matching.test(request.url)) return false
        left--
        fault(response, request)
        return true
      })
    },
  }
}
export type FakeHub = Awaited<ReturnType<typeof start>>

const entryOf = ([name, content]: readonly [string, string | Uint8Array]) => ({
  type: "file",
  path: name,
  size: Buffer.from(content).length,
  oid: gitBlob(content),
  ...(isLarge(name, content)
    ? { oid: gitBlob("pointer"), lfs: { oid: sha256(content), size: Buffer.from(content).length, pointerSize: 130 } }
    : {}),
})

export const json = (response: ServerResponse, value: unknown, headers: Record<string, string> = {}) =>
  void response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(value))

export const refuse = (response: ServerResponse, status: number, code?: string) =>
  void response.writeHead(status, code === undefined ? {} : { "x-error-code": code }).end("no")

const send = (request: IncomingMessage, response: ServerResponse, content: Buffer) => {
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? "") ?? []
  if (from === undefined) return void response.writeHead(200, { "content-length": content.length }).end(content)
  const part = content.subarray(Number(from))
  response.writeHead(206, {
    "content-length": part.length,
    "content-range": `bytes ${from}-${content.length - 1}/${content.length}`,
  })
  response.end(part)
}
