import { resolve } from 'node:path'

/** A unit that runs a node, for `systemctl --user` or for the system. Its containers end with it. */
export function systemdUnit({ data, port }: { readonly data: string; readonly port: number }): string {
  const path = resolve(data)
  const command = [process.execPath, process.argv[1] ?? 'millrace', 'up', '--data', path, '--port', `${port}`]
  return `[Unit]
Description=Millrace node of ${path.replaceAll('%', '%%')}

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
