import { resolve } from 'node:path'
import { type UpOptions, upArguments } from './up-arguments.ts'

/** A unit that runs a node, for `systemctl --user` or for the system. Its containers end with it. */
export function systemdUnit(options: UpOptions): string {
  const command = [process.execPath, process.argv[1] ?? 'millrace', ...upArguments(options)]
  return `[Unit]
Description=Millrace node of ${resolve(options.data).replaceAll('%', '%%')}

[Service]
ExecStart=${command.map(quoted).join(' ')}
Restart=on-failure
RestartSec=1
# SIGTERM goes to the node alone, which ends its containers. What is left after the time-out is killed.
KillMode=mixed
TimeoutStopSec=60

[Install]
WantedBy=default.target
`
}

/** As a word of a command in a unit: see systemd.service(5) and systemd.syntax(7). */
function quoted(word: string): string {
  const escaped = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(escaped) ? escaped : `"${escaped}"`
}
