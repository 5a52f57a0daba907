import type { Job } from '@millrace/core'
import { versionedName } from '@millrace/core/internal'
import type { JobServerOptions } from '@millrace/runtime'
import type { Io } from '../terminal/io.ts'
import { announceJob } from './announced-jobs.ts'
import { freeSocketPath } from './job-socket.ts'
import { chosenToken, keptToken } from './job-token.ts'
import { removeLeftAnnouncements } from './left-announcements.ts'

/** Where a process of this command serves the views of its job: on a port, on a socket, and announced in the data directory. */
export function jobServer(
  io: Io,
  job: Job,
  data: string,
  { port, allowOrigin }: { readonly port: number; readonly allowOrigin: readonly string[] },
): JobServerOptions {
  const path = freeSocketPath(data)
  const socket = path === undefined ? {} : { socket: path }
  return {
    port,
    token: chosenToken(io.env) ?? keptToken(data),
    allowOrigins: allowOrigin,
    ...socket,
    announce: (url) => {
      // Files that stay are harmless: queries skip them.
      removeLeftAnnouncements(data).catch(() => undefined)
      return announceJob(data, { job: versionedName(job), url, pid: process.pid, ...socket })
    },
  }
}
