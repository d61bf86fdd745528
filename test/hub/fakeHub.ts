/**
 * A hub on 127.0.0.1, by the hub's documented answers and not by our code, and a storage host on another port for its
 * large files. Both note every request. `misbehave` puts faults in the way.
 *
 * Uploads are as git-lfs' batch API and the hub's preupload and commit endpoints have them: a commit is checked as a
 * whole, names large files by what the storage has, and is refused when its parent is not the branch's newest.
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

/** `hf_secret` may read and write all of acme's, `hf_reader` only read; others are not known. */
const tokens = new Set(["hf_secret", "hf_reader"])

export interface Noted {
  readonly host: "hub" | "storage"
  readonly url: string
  readonly method: string
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
const isLarge = (name: string, content: { readonly length: number }) =>
  content.length > 1000 || /\.(parquet|safetensors)$/.test(name)

/** What is longer is taken in parts. */
const partSize = 200_000

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

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

export const start = async (...given: ReadonlyArray<Repository>) => {
  const repositories: Array<Repository> = [...given]
  const requests: Array<Noted> = []
  const faults: Array<Fault> = []
  const pageSize = 2

  const noted = (host: Noted["host"], handle: (url: URL, request: IncomingMessage, response: ServerResponse) => void) =>
    createServer((request, response) => {
      const { url: to = "", method = "GET", headers } = request
      const note: Noted = { host, url: to, method, headers }
      requests.push(note)
      if (!faults.some((fault) => fault(note, response))) handle(new URL(note.url, "http://hub"), request, response)
    })

  const storage = noted("storage", (url, request, response) => {
    if (request.method === "PUT") return void take(url, request, response)
    const content = stored.get(url.pathname.slice(1))
    if (content === undefined) return refuse(response, 404)
    send(request, response, content)
  })
  const stored = new Map<string, Buffer>()
  const parts = new Map<string, Array<Buffer>>()
  const take = async (url: URL, request: IncomingMessage, response: ServerResponse) => {
    const content = await bodyOf(request)
    const oid = url.pathname.slice(1)
    const part = url.searchParams.get("part")
    if (request.headers["content-length"] !== String(content.length)) return refuse(response, 411)
    if (part !== null) {
      const all = parts.get(oid) ?? []
      all[Number(part) - 1] = content
      parts.set(oid, all)
    } else if (sha256(content) !== oid) return refuse(response, 400)
    else stored.set(oid, content)
    response.writeHead(200, { etag: `"${sha256(content)}"` }).end()
  }
  const storageUrl = await listen(storage)

  const hub = noted("hub", (url, request, response) => {
    const parts = url.pathname.slice(1).split("/").map(decodeURIComponent)
    const { authorization = "" } = request.headers
    const token = authorization.replace(/^Bearer /, "")
    const authorized = tokens.has(token)
    if (request.method === "POST") {
      if (token !== "" && !authorized) return refuse(response, 401)
      return void change(url, token, request, response)
    }
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
    if (token !== "" && !authorized) return refuse(response, 401)
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
    if (verb === "revision") {
      const { private: isPrivate = false } = repository
      return json(response, { _id: "1", id: name, sha: commit, private: isPrivate, lastModified: "2024-01-01" })
    }
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

  const change = async (url: URL, token: string, request: IncomingMessage, response: ServerResponse) => {
    const body = (await bodyOf(request)).toString()
    if (url.pathname === "/complete") {
      const { oid, parts: done } = JSON.parse(body) as { oid: string; parts: ReadonlyArray<{ etag: string }> }
      const content = Buffer.concat(parts.get(oid) ?? [])
      const right =
        sha256(content) === oid && done.every(({ etag }, at) => etag === `"${sha256(parts.get(oid)![at]!)}"`)
      if (!right) return refuse(response, 400)
      stored.set(oid, content)
      return json(response, {})
    }
    if (token !== "hf_secret") return refuse(response, token === "" ? 401 : 403, undefined, "You may only read")
    if (url.pathname === "/api/repos/create") {
      const asked = JSON.parse(body) as { name: string; organization: string; visibility: string; type: string }
      const name = `${asked.organization}/${asked.name}`
      if (asked.organization !== "acme")
        return refuse(response, 403, undefined, `You may not write to ${asked.organization}`)
      if (repositories.some((each) => each.name === name))
        return refuse(response, 409, undefined, "You already created this")
      const first = sha256(name).slice(0, 40)
      const files = { ".gitattributes": "*.safetensors filter=lfs\n" }
      const isPrivate = asked.visibility === "private"
      repositories.push({
        kind: "model",
        name,
        revisions: { main: first },
        commits: { [first]: files },
        private: isPrivate,
      })
      return json(response, { url: `http://hub/${name}`, id: name })
    }
    const [, name = "", what = ""] = /^\/(?:api\/models\/)?([^/]+\/[^/]+?)(?:\.git)?\/(preupload\/main|info\/lfs\/objects\/batch|commit\/main)$/.exec(url.pathname) ?? [] // prettier-ignore
    const repository = repositories.find((each) => each.kind === "model" && each.name === name)
    if (repository === undefined) return refuse(response, 404, "RepoNotFound")
    if (what === "preupload/main") {
      const { files } = JSON.parse(body) as { files: ReadonlyArray<{ path: string; size: number; sample: string }> }
      const modeOf = ({ path, size }: { path: string; size: number }) =>
        isLarge(path, { length: size }) ? "lfs" : "regular"
      return json(response, { files: files.map((file) => ({ path: file.path, uploadMode: modeOf(file) })) })
    }
    if (what === "info/lfs/objects/batch") {
      const { objects } = JSON.parse(body) as { objects: ReadonlyArray<{ oid: string; size: number }> }
      return json(response, {
        transfer: "basic",
        objects: objects.map((object) => ({
          ...object,
          ...(stored.has(object.oid) ? {} : { actions: { upload: uploadOf(object) } }),
        })),
      })
    }
    const [header, ...lines] = body
      .split("\n")
      .map((line) => JSON.parse(line) as { key: string; value: Record<string, string> })
    const parent = repository.revisions["main"]!
    if (header!.value["parentCommit"] !== parent) return refuse(response, 412, undefined, "A commit has happened since")
    const files: Record<string, string | Uint8Array> = { ...repository.commits[parent]! }
    for (const { key, value } of lines) {
      const path = value["path"]!
      if (key === "deletedFile") delete files[path]
      else if (key === "file") files[path] = Buffer.from(value["content"]!, "base64")
      else {
        const content = stored.get(value["oid"]!)
        if (content === undefined) return refuse(response, 400, undefined, `LFS pointer to nothing: ${path}`)
        files[path] = content
      }
    }
    const commit = sha256(`${parent}\n${body}`).slice(0, 40)
    repository.commits[commit] = files
    repository.revisions["main"] = commit
    return json(response, {
      success: true,
      commitOid: commit,
      commitUrl: `http://hub/${name}/commit/${commit}`,
      hookOutput: "",
    })
  }

  /** Signed addresses of the storage, several for what is long. */
  const uploadOf = ({ oid, size }: { oid: string; size: number }) => {
    const to = `${storageUrl}/${oid}?signature=topsecret`
    if (size <= partSize) return { href: to }
    const numbered = Array.from({ length: Math.ceil(size / partSize) }, (_, at) => [`${at + 1}`.padStart(5, "0"), `${to}&part=${at + 1}`]) // prettier-ignore
    return { href: `${url}/complete`, header: { chunk_size: String(partSize), ...Object.fromEntries(numbered) } }
  }
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
    repositories,
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

export const refuse = (response: ServerResponse, status: number, code?: string, error?: string) =>
  void response
    .writeHead(status, code === undefined ? {} : { "x-error-code": code })
    .end(error === undefined ? "no" : JSON.stringify({ error }))

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
