# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_squall_global_optspecs
    string join \n color= config= state= h/help V/version
end

function __fish_squall_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_squall_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_squall_using_subcommand
    set -l cmd (__fish_squall_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c squall -n "__fish_squall_needs_command" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_needs_command" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_needs_command" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_needs_command" -s h -l help -d 'Print help'
complete -c squall -n "__fish_squall_needs_command" -s V -l version -d 'Print version'
complete -c squall -n "__fish_squall_needs_command" -f -a "demo" -d 'Runs a complete example: validates a task file, waits for its trigger, puts a load spike on a server of its own, verifies it and reports. Takes about ten seconds; uses only loopback'
complete -c squall -n "__fish_squall_needs_command" -f -a "run" -d 'Runs task files: every entry on its own trigger, undone whatever happens, judged by its probes'
complete -c squall -n "__fish_squall_needs_command" -f -a "inject" -d 'Injects one fault now, holds it, and undoes it'
complete -c squall -n "__fish_squall_needs_command" -f -a "up" -d 'Starts the nodes of a task file and holds them for ad-hoc work, until Ctrl-C, `squall down` or the time of `--for`'
complete -c squall -n "__fish_squall_needs_command" -f -a "ps" -d 'Lists the nodes of live runs: process, state, readiness, ports, and since when'
complete -c squall -n "__fish_squall_needs_command" -f -a "status" -d 'Lists what is in force, newest first: by which run, who keeps it, and for how much longer. Touches nothing'
complete -c squall -n "__fish_squall_needs_command" -f -a "down" -d 'Ends a run of `squall up`: what is in force is undone, the nodes are stopped, and that run reports'
complete -c squall -n "__fish_squall_needs_command" -f -a "diff" -d 'Compares two reports (`run --format json`): verdicts, response times, failed requests, times to detect and to recover'
complete -c squall -n "__fish_squall_needs_command" -f -a "experiment" -d 'Answers a question about a service: bounded steps of load and faults, measured by the engine, every claim checked'
complete -c squall -n "__fish_squall_needs_command" -f -a "soak" -d 'Runs a soak: faults that a seed draws from the weighted pool of a file, within bounds, against targets that stay legal'
complete -c squall -n "__fish_squall_needs_command" -f -a "replay" -d 'Runs the plan of a soak again: the same faults with the same values, on the same nodes, in the same order'
complete -c squall -n "__fish_squall_needs_command" -f -a "shrink" -d 'Finds a smaller plan that still fails as the soak did, and writes a manifest of it'
complete -c squall -n "__fish_squall_needs_command" -f -a "torture" -d 'Runs a test command once without faults, and then while a soak injects faults into the nodes that it talks to'
complete -c squall -n "__fish_squall_needs_command" -f -a "step-run" -d 'Runs one task of somebody else\'s workflow: judges how it ends, and on a failure runs an abort command, once'
complete -c squall -n "__fish_squall_needs_command" -f -a "workflow-run" -d 'Runs a scenario (a Chaos Mesh Workflow in a git repository): fetches and renders it, refuses what has drifted, applies it, follows it to its first failure, captures everything, cleans up, uploads'
complete -c squall -n "__fish_squall_needs_command" -f -a "validate" -d 'Checks task files as `run` would, and as the published schema does, and manifests of Chaos Mesh; runs nothing'
complete -c squall -n "__fish_squall_needs_command" -f -a "schema" -d 'Prints the JSON Schema of task files, entries, experiments or policies, with every plug-in of this program, or of what a run writes'
complete -c squall -n "__fish_squall_needs_command" -f -a "list" -d 'Lists the faults, triggers, probes, node kinds, sources of evidence and leaf steps of workflows of this program'
complete -c squall -n "__fish_squall_needs_command" -f -a "explain" -d 'Explains one fault, trigger or probe: what it does, its parameters, an example'
complete -c squall -n "__fish_squall_needs_command" -f -a "doctor" -d 'Says what this machine can do, which faults and node kinds that leaves out, and which setting forbids it. Nothing is touched'
complete -c squall -n "__fish_squall_needs_command" -f -a "fortio" -d 'Makes load with fortio\'s command line: `squall fortio load [flags] URL`. No policy applies to it'
complete -c squall -n "__fish_squall_needs_command" -f -a "links" -d 'Serves TCP and UDP links with toxics (latency, bandwidth, loss, resets, …) and toxiproxy\'s control API, or speaks to a server that does: ours, or toxiproxy\'s own'
complete -c squall -n "__fish_squall_needs_command" -f -a "recover" -d 'Undoes what crashed runs left behind, newest first; a run that is alive is left alone'
complete -c squall -n "__fish_squall_needs_command" -f -a "release" -d 'Ends the hold of a live run now; undo, verification and verdict follow in that run as usual'
complete -c squall -n "__fish_squall_needs_command" -f -a "tell" -d 'Tells a live run that something happened, such as that the agent under test acted; a trigger `event` may wait for it'
complete -c squall -n "__fish_squall_needs_command" -f -a "completions" -d 'Prints a completion script for a shell'
complete -c squall -n "__fish_squall_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c squall -n "__fish_squall_using_subcommand demo" -l serve -d 'Only serves a target on this port of loopback (0 takes a free one) until interrupted: 4 workers that need 10 ms for each request, so 400 requests per second. A target to try `squall experiment` on' -r
complete -c squall -n "__fish_squall_using_subcommand demo" -l format -d 'How to print the report' -r -f -a "text\t'Text for people'
json\t'One JSON object'
junit\t'`JUnit` XML: a case for each entry, each undo, and each probe of the steady state'
html\t'One HTML page that needs nothing else'"
complete -c squall -n "__fish_squall_using_subcommand demo" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand demo" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand demo" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand demo" -l sham -d 'Skips every effect and keeps every check; a sham run must never pass'
complete -c squall -n "__fish_squall_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand run" -l resume -d 'Goes on with the workflow of a run that has died, after its last step that ended: what it left in force is undone first, and no step runs twice unless it is `idempotent`. The document is the one that the run kept; a file that is given must be the same' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l var -d 'Fills the placeholder `{{NAME}}`' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l var-env -d 'Fills `{{NAME}}` from the environment variable of that name, or of another one; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l var-file -d 'Fills `{{NAME}}` with the text of a file, without the line break at its end; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l kind -d 'What the file is, where its keys don\'t say' -r -f -a "task\t'A task with its entries'
entry\t'One entry'
experiment\t'An experiment'
policy\t'An operator\'s policy'"
complete -c squall -n "__fish_squall_using_subcommand run" -l only -d 'Runs only the entries of this name; may be given several times' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l repeat -d 'Runs the task so often, one round after the other, with a summary at the end; the worst round makes the exit code. Each round\'s seed is one more than that of the round before' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l baseline -d 'Compares the run with an earlier one, a report of `--format json`: the run is `deviated` (exit code 1) where response times, failed requests, or the time to detect or to recover exceed their bounds' -r -F
complete -c squall -n "__fish_squall_using_subcommand run" -l baseline-tolerance -d 'How much worse than the baseline a figure may be, in percent; default 20%' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l baseline-floor -d 'A response time that is worse by less than this is within its bound; default 5ms. For the time to detect and to recover it is 500ms, for failed requests 1 percentage point' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l format -d 'How to print the report' -r -f -a "text\t'Text for people'
json\t'One JSON object'
junit\t'`JUnit` XML: a case for each entry, each undo, and each probe of the steady state'
html\t'One HTML page that needs nothing else'"
complete -c squall -n "__fish_squall_using_subcommand run" -l events -d 'Writes every event of the run as a line of JSON to this file; `-` is standard output, the report then goes to standard error' -r -F
complete -c squall -n "__fish_squall_using_subcommand run" -l json -d 'Writes the report as JSON to this file, beside what is printed' -r -F
complete -c squall -n "__fish_squall_using_subcommand run" -l junit -d 'Writes the report as `JUnit` XML to this file, beside what is printed' -r -F
complete -c squall -n "__fish_squall_using_subcommand run" -l html -d 'Writes the report as one HTML page to this file, beside what is printed' -r -F
complete -c squall -n "__fish_squall_using_subcommand run" -l seed -d 'Seed of every random choice; default: the file\'s, else one that the report names' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l trigger-timeout -d 'How long a trigger may take beyond its own minimum; default 1h' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l workspace -d 'Folder for files that plug-ins keep (transcripts, results); default: the current one' -r -F
complete -c squall -n "__fish_squall_using_subcommand run" -l verifier -d 'A program that answers the harness\'s own checks (`verify` names and check types that are not known here): a question as JSON on its standard input, the answer as JSON on its standard output' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l verifier-timeout -d 'How long one answer of the verifier may take; default 30s' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l metrics -d 'Serves metrics of the runs at this address of loopback, as text for a Prometheus or as `OpenMetrics`; port 0 takes a free one. They end with the command' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l otlp -d 'Sends each run as an OTLP trace once it is over: to this URL (HTTP, protobuf; `/v1/traces` where it has no path), or to this file, as lines of JSON. A trace that is not taken is told, and changes no verdict' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l allow-host -d 'Allows a host beside loopback: a name, an address, a network, or `*.` and a name' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l allow-fault -d 'Allows only this fault, and others so named; adds to the list of a policy file' -r -f -a "black_hole\t'Swallows what goes into links, without an error that a client could see.'
burst_kill\t'Kills several processes within a moment, and has them started again when the hold ends.'
clock_skew\t'Shifts the wall clock of nodes, each for itself; the clock of the machine is never touched.'
disk_full\t'Fills the file system of a directory, or the one that a node has for itself.'
exhaust_fds\t'Leaves a process no file descriptors: every further open, accept and connect fails with `EMFILE`.'
exhaust_pids\t'Leaves a node no processes and threads: every further fork, clone and thread fails with `EAGAIN`.'
failpoint\t'Arms a fail point of another process over its control endpoints.'
firewall_inbound\t'Drops what others send to a node, while the node itself reaches everybody: a firewall with one rule too many.'
flap_link\t'Takes links down and up again, as often as there is time.'
generate_load\t'Sends one load to a service, asked for by a model.'
http_fault\t'Breaks HTTP on links: answers, streams, connections, certificates, and whole behaviours of models and tools.'
kill_process\t'Kills processes, and has them started again when the hold ends.'
limit_bandwidth\t'Limits the rate of links: a thin line.'
limit_resources\t'Gives a node less processor time, less memory, or less of both.'
load\t'Sends load to a service.'
lossy_link\t'Loses some of what passes links: a bad cable, a full queue.'
nat_shift\t'Gives the flows of UDP links other source ports, once: a NAT router that has lost its table.'
oom\t'Takes the memory of a node\'s group away until the kernel kills the node.'
partition_pair\t'Cuts every link between two nodes, both ways.'
partition_subset\t'Cuts every link between two groups of nodes, both ways; within each group everything goes on.'
pause_process\t'Pauses processes: with SIGSTOP, by freezing their group, or by holding their async runtime.'
reset_connections\t'Resets the connections that links have, once: a firewall that forgets, a balancer that is replaced.'
restart_process\t'Restarts nodes: kills them with SIGKILL, and starts them again at once, as the same nodes.'
slow_link\t'Delays what passes links: a slow network.'
stress_cpu\t'Has processes compete with a node for the processor.'
stress_memory\t'Has a process hold memory beside a node.'"
complete -c squall -n "__fish_squall_using_subcommand run" -l allow-command -d 'Allows this program to be started, by its name in the file or in the plan; `*` allows all' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l allow-path -d 'Allows writing in this folder, beside the workspace' -r -F
complete -c squall -n "__fish_squall_using_subcommand run" -l allow-context -d 'Allows a context of the kubeconfig; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l allow-namespace -d 'Allows a namespace of a cluster; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l allow-kind -d 'Allows making, changing and removing objects of a kind, such as `Pod`; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l production -d 'What contexts and namespaces of production look like, in place of `*prod*`; those need `--permit production`' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l permit -d 'Grants a permission: `other_user`, `root`, `net_admin`, `irreversible`, `outside_paths` or `production`' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l max-qps -d 'Ceiling of requests per second' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l max-duration -d 'Ceiling of one fault\'s time: seconds, or a duration such as `90s` or `15m`' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l max-concurrency -d 'Ceiling of connections' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l max-bytes -d 'Ceiling of bytes that one fault writes and keeps' -r
complete -c squall -n "__fish_squall_using_subcommand run" -l policy -d 'Takes the policy from a file (YAML or JSON); flags go on top of it' -r -F
complete -c squall -n "__fish_squall_using_subcommand run" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand run" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand run" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand run" -l confirm -d 'Shows the plan, as `--dry-run` does, and waits for a yes on the terminal before anything runs'
complete -c squall -n "__fish_squall_using_subcommand run" -l dry-run -d 'Prints the plan, and whether the policy allows it; touches nothing'
complete -c squall -n "__fish_squall_using_subcommand run" -s q -l quiet -d 'Shows no progress; the report and errors stay'
complete -c squall -n "__fish_squall_using_subcommand run" -s v -l verbose -d 'Shows every event as it happens'
complete -c squall -n "__fish_squall_using_subcommand run" -l sham -d 'Skips every effect and keeps every check; a sham run never passes'
complete -c squall -n "__fish_squall_using_subcommand run" -l until-stdin-closes -d 'Holds until standard input closes: a fault without a time of its own lasts as long as the policy allows'
complete -c squall -n "__fish_squall_using_subcommand run" -l offline -d 'Asks no model, whatever the environment says: the offline planner makes the planned call'
complete -c squall -n "__fish_squall_using_subcommand run" -l allow-privileged -d 'Deprecated: `--permit other_user --permit root --permit net_admin`'
complete -c squall -n "__fish_squall_using_subcommand run" -l accept-policy -d 'Grants what the task file\'s own `policy` asks for'
complete -c squall -n "__fish_squall_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand inject" -l for -d 'How long to hold it; default 10s, with `--until-stdin-closes` as long as the policy allows. A fault that runs to its own end refuses it' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l in -d 'Injects it in a live run of this user, which holds the nodes that the fault names: that run performs it, under its own policy, and it ends early when this command does' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l var -d 'Fills the placeholder `{{NAME}}`' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l var-env -d 'Fills `{{NAME}}` from the environment variable of that name, or of another one; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l var-file -d 'Fills `{{NAME}}` with the text of a file, without the line break at its end; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l format -d 'How to print the report' -r -f -a "text\t'Text for people'
json\t'One JSON object'
junit\t'`JUnit` XML: a case for each entry, each undo, and each probe of the steady state'
html\t'One HTML page that needs nothing else'"
complete -c squall -n "__fish_squall_using_subcommand inject" -l events -d 'Writes every event of the run as a line of JSON to this file; `-` is standard output, the report then goes to standard error' -r -F
complete -c squall -n "__fish_squall_using_subcommand inject" -l json -d 'Writes the report as JSON to this file, beside what is printed' -r -F
complete -c squall -n "__fish_squall_using_subcommand inject" -l junit -d 'Writes the report as `JUnit` XML to this file, beside what is printed' -r -F
complete -c squall -n "__fish_squall_using_subcommand inject" -l html -d 'Writes the report as one HTML page to this file, beside what is printed' -r -F
complete -c squall -n "__fish_squall_using_subcommand inject" -l seed -d 'Seed of every random choice; default: the file\'s, else one that the report names' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l trigger-timeout -d 'How long a trigger may take beyond its own minimum; default 1h' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l workspace -d 'Folder for files that plug-ins keep (transcripts, results); default: the current one' -r -F
complete -c squall -n "__fish_squall_using_subcommand inject" -l verifier -d 'A program that answers the harness\'s own checks (`verify` names and check types that are not known here): a question as JSON on its standard input, the answer as JSON on its standard output' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l verifier-timeout -d 'How long one answer of the verifier may take; default 30s' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l metrics -d 'Serves metrics of the runs at this address of loopback, as text for a Prometheus or as `OpenMetrics`; port 0 takes a free one. They end with the command' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l otlp -d 'Sends each run as an OTLP trace once it is over: to this URL (HTTP, protobuf; `/v1/traces` where it has no path), or to this file, as lines of JSON. A trace that is not taken is told, and changes no verdict' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l allow-host -d 'Allows a host beside loopback: a name, an address, a network, or `*.` and a name' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l allow-fault -d 'Allows only this fault, and others so named; adds to the list of a policy file' -r -f -a "black_hole\t'Swallows what goes into links, without an error that a client could see.'
burst_kill\t'Kills several processes within a moment, and has them started again when the hold ends.'
clock_skew\t'Shifts the wall clock of nodes, each for itself; the clock of the machine is never touched.'
disk_full\t'Fills the file system of a directory, or the one that a node has for itself.'
exhaust_fds\t'Leaves a process no file descriptors: every further open, accept and connect fails with `EMFILE`.'
exhaust_pids\t'Leaves a node no processes and threads: every further fork, clone and thread fails with `EAGAIN`.'
failpoint\t'Arms a fail point of another process over its control endpoints.'
firewall_inbound\t'Drops what others send to a node, while the node itself reaches everybody: a firewall with one rule too many.'
flap_link\t'Takes links down and up again, as often as there is time.'
generate_load\t'Sends one load to a service, asked for by a model.'
http_fault\t'Breaks HTTP on links: answers, streams, connections, certificates, and whole behaviours of models and tools.'
kill_process\t'Kills processes, and has them started again when the hold ends.'
limit_bandwidth\t'Limits the rate of links: a thin line.'
limit_resources\t'Gives a node less processor time, less memory, or less of both.'
load\t'Sends load to a service.'
lossy_link\t'Loses some of what passes links: a bad cable, a full queue.'
nat_shift\t'Gives the flows of UDP links other source ports, once: a NAT router that has lost its table.'
oom\t'Takes the memory of a node\'s group away until the kernel kills the node.'
partition_pair\t'Cuts every link between two nodes, both ways.'
partition_subset\t'Cuts every link between two groups of nodes, both ways; within each group everything goes on.'
pause_process\t'Pauses processes: with SIGSTOP, by freezing their group, or by holding their async runtime.'
reset_connections\t'Resets the connections that links have, once: a firewall that forgets, a balancer that is replaced.'
restart_process\t'Restarts nodes: kills them with SIGKILL, and starts them again at once, as the same nodes.'
slow_link\t'Delays what passes links: a slow network.'
stress_cpu\t'Has processes compete with a node for the processor.'
stress_memory\t'Has a process hold memory beside a node.'"
complete -c squall -n "__fish_squall_using_subcommand inject" -l allow-command -d 'Allows this program to be started, by its name in the file or in the plan; `*` allows all' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l allow-path -d 'Allows writing in this folder, beside the workspace' -r -F
complete -c squall -n "__fish_squall_using_subcommand inject" -l allow-context -d 'Allows a context of the kubeconfig; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l allow-namespace -d 'Allows a namespace of a cluster; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l allow-kind -d 'Allows making, changing and removing objects of a kind, such as `Pod`; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l production -d 'What contexts and namespaces of production look like, in place of `*prod*`; those need `--permit production`' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l permit -d 'Grants a permission: `other_user`, `root`, `net_admin`, `irreversible`, `outside_paths` or `production`' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l max-qps -d 'Ceiling of requests per second' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l max-duration -d 'Ceiling of one fault\'s time: seconds, or a duration such as `90s` or `15m`' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l max-concurrency -d 'Ceiling of connections' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l max-bytes -d 'Ceiling of bytes that one fault writes and keeps' -r
complete -c squall -n "__fish_squall_using_subcommand inject" -l policy -d 'Takes the policy from a file (YAML or JSON); flags go on top of it' -r -F
complete -c squall -n "__fish_squall_using_subcommand inject" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand inject" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand inject" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand inject" -l dry-run -d 'Prints the plan, and whether the policy allows it; touches nothing'
complete -c squall -n "__fish_squall_using_subcommand inject" -s q -l quiet -d 'Shows no progress; the report and errors stay'
complete -c squall -n "__fish_squall_using_subcommand inject" -s v -l verbose -d 'Shows every event as it happens'
complete -c squall -n "__fish_squall_using_subcommand inject" -l sham -d 'Skips every effect and keeps every check; a sham run never passes'
complete -c squall -n "__fish_squall_using_subcommand inject" -l until-stdin-closes -d 'Holds until standard input closes: a fault without a time of its own lasts as long as the policy allows'
complete -c squall -n "__fish_squall_using_subcommand inject" -l offline -d 'Asks no model, whatever the environment says: the offline planner makes the planned call'
complete -c squall -n "__fish_squall_using_subcommand inject" -l allow-privileged -d 'Deprecated: `--permit other_user --permit root --permit net_admin`'
complete -c squall -n "__fish_squall_using_subcommand inject" -l accept-policy -d 'Grants what the task file\'s own `policy` asks for'
complete -c squall -n "__fish_squall_using_subcommand inject" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand up" -l for -d 'How long to hold them; default: until somebody ends it' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l var -d 'Fills the placeholder `{{NAME}}`' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l var-env -d 'Fills `{{NAME}}` from the environment variable of that name, or of another one; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l var-file -d 'Fills `{{NAME}}` with the text of a file, without the line break at its end; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l kind -d 'What the file is, where its keys don\'t say' -r -f -a "task\t'A task with its entries'
entry\t'One entry'
experiment\t'An experiment'
policy\t'An operator\'s policy'"
complete -c squall -n "__fish_squall_using_subcommand up" -l format -d 'How to print the report' -r -f -a "text\t'Text for people'
json\t'One JSON object'
junit\t'`JUnit` XML: a case for each entry, each undo, and each probe of the steady state'
html\t'One HTML page that needs nothing else'"
complete -c squall -n "__fish_squall_using_subcommand up" -l events -d 'Writes every event of the run as a line of JSON to this file; `-` is standard output, the report then goes to standard error' -r -F
complete -c squall -n "__fish_squall_using_subcommand up" -l json -d 'Writes the report as JSON to this file, beside what is printed' -r -F
complete -c squall -n "__fish_squall_using_subcommand up" -l junit -d 'Writes the report as `JUnit` XML to this file, beside what is printed' -r -F
complete -c squall -n "__fish_squall_using_subcommand up" -l html -d 'Writes the report as one HTML page to this file, beside what is printed' -r -F
complete -c squall -n "__fish_squall_using_subcommand up" -l seed -d 'Seed of every random choice; default: the file\'s, else one that the report names' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l trigger-timeout -d 'How long a trigger may take beyond its own minimum; default 1h' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l workspace -d 'Folder for files that plug-ins keep (transcripts, results); default: the current one' -r -F
complete -c squall -n "__fish_squall_using_subcommand up" -l verifier -d 'A program that answers the harness\'s own checks (`verify` names and check types that are not known here): a question as JSON on its standard input, the answer as JSON on its standard output' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l verifier-timeout -d 'How long one answer of the verifier may take; default 30s' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l metrics -d 'Serves metrics of the runs at this address of loopback, as text for a Prometheus or as `OpenMetrics`; port 0 takes a free one. They end with the command' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l otlp -d 'Sends each run as an OTLP trace once it is over: to this URL (HTTP, protobuf; `/v1/traces` where it has no path), or to this file, as lines of JSON. A trace that is not taken is told, and changes no verdict' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l allow-host -d 'Allows a host beside loopback: a name, an address, a network, or `*.` and a name' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l allow-fault -d 'Allows only this fault, and others so named; adds to the list of a policy file' -r -f -a "black_hole\t'Swallows what goes into links, without an error that a client could see.'
burst_kill\t'Kills several processes within a moment, and has them started again when the hold ends.'
clock_skew\t'Shifts the wall clock of nodes, each for itself; the clock of the machine is never touched.'
disk_full\t'Fills the file system of a directory, or the one that a node has for itself.'
exhaust_fds\t'Leaves a process no file descriptors: every further open, accept and connect fails with `EMFILE`.'
exhaust_pids\t'Leaves a node no processes and threads: every further fork, clone and thread fails with `EAGAIN`.'
failpoint\t'Arms a fail point of another process over its control endpoints.'
firewall_inbound\t'Drops what others send to a node, while the node itself reaches everybody: a firewall with one rule too many.'
flap_link\t'Takes links down and up again, as often as there is time.'
generate_load\t'Sends one load to a service, asked for by a model.'
http_fault\t'Breaks HTTP on links: answers, streams, connections, certificates, and whole behaviours of models and tools.'
kill_process\t'Kills processes, and has them started again when the hold ends.'
limit_bandwidth\t'Limits the rate of links: a thin line.'
limit_resources\t'Gives a node less processor time, less memory, or less of both.'
load\t'Sends load to a service.'
lossy_link\t'Loses some of what passes links: a bad cable, a full queue.'
nat_shift\t'Gives the flows of UDP links other source ports, once: a NAT router that has lost its table.'
oom\t'Takes the memory of a node\'s group away until the kernel kills the node.'
partition_pair\t'Cuts every link between two nodes, both ways.'
partition_subset\t'Cuts every link between two groups of nodes, both ways; within each group everything goes on.'
pause_process\t'Pauses processes: with SIGSTOP, by freezing their group, or by holding their async runtime.'
reset_connections\t'Resets the connections that links have, once: a firewall that forgets, a balancer that is replaced.'
restart_process\t'Restarts nodes: kills them with SIGKILL, and starts them again at once, as the same nodes.'
slow_link\t'Delays what passes links: a slow network.'
stress_cpu\t'Has processes compete with a node for the processor.'
stress_memory\t'Has a process hold memory beside a node.'"
complete -c squall -n "__fish_squall_using_subcommand up" -l allow-command -d 'Allows this program to be started, by its name in the file or in the plan; `*` allows all' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l allow-path -d 'Allows writing in this folder, beside the workspace' -r -F
complete -c squall -n "__fish_squall_using_subcommand up" -l allow-context -d 'Allows a context of the kubeconfig; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l allow-namespace -d 'Allows a namespace of a cluster; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l allow-kind -d 'Allows making, changing and removing objects of a kind, such as `Pod`; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l production -d 'What contexts and namespaces of production look like, in place of `*prod*`; those need `--permit production`' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l permit -d 'Grants a permission: `other_user`, `root`, `net_admin`, `irreversible`, `outside_paths` or `production`' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l max-qps -d 'Ceiling of requests per second' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l max-duration -d 'Ceiling of one fault\'s time: seconds, or a duration such as `90s` or `15m`' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l max-concurrency -d 'Ceiling of connections' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l max-bytes -d 'Ceiling of bytes that one fault writes and keeps' -r
complete -c squall -n "__fish_squall_using_subcommand up" -l policy -d 'Takes the policy from a file (YAML or JSON); flags go on top of it' -r -F
complete -c squall -n "__fish_squall_using_subcommand up" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand up" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand up" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand up" -l dry-run -d 'Prints the plan, and whether the policy allows it; touches nothing'
complete -c squall -n "__fish_squall_using_subcommand up" -s q -l quiet -d 'Shows no progress; the report and errors stay'
complete -c squall -n "__fish_squall_using_subcommand up" -s v -l verbose -d 'Shows every event as it happens'
complete -c squall -n "__fish_squall_using_subcommand up" -l sham -d 'Skips every effect and keeps every check; a sham run never passes'
complete -c squall -n "__fish_squall_using_subcommand up" -l until-stdin-closes -d 'Holds until standard input closes: a fault without a time of its own lasts as long as the policy allows'
complete -c squall -n "__fish_squall_using_subcommand up" -l offline -d 'Asks no model, whatever the environment says: the offline planner makes the planned call'
complete -c squall -n "__fish_squall_using_subcommand up" -l allow-privileged -d 'Deprecated: `--permit other_user --permit root --permit net_admin`'
complete -c squall -n "__fish_squall_using_subcommand up" -l accept-policy -d 'Grants what the task file\'s own `policy` asks for'
complete -c squall -n "__fish_squall_using_subcommand up" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand ps" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand ps" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand ps" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand ps" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand ps" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand status" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand status" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand status" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand status" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand down" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand down" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand down" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand down" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand down" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand diff" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand diff" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand diff" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand diff" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand experiment" -l target -d 'The service: an `http://` URL' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l allow -d 'Allows this fault, beside load' -r -f -a "black_hole\t'Swallows what goes into links, without an error that a client could see.'
burst_kill\t'Kills several processes within a moment, and has them started again when the hold ends.'
clock_skew\t'Shifts the wall clock of nodes, each for itself; the clock of the machine is never touched.'
disk_full\t'Fills the file system of a directory, or the one that a node has for itself.'
exhaust_fds\t'Leaves a process no file descriptors: every further open, accept and connect fails with `EMFILE`.'
exhaust_pids\t'Leaves a node no processes and threads: every further fork, clone and thread fails with `EAGAIN`.'
failpoint\t'Arms a fail point of another process over its control endpoints.'
firewall_inbound\t'Drops what others send to a node, while the node itself reaches everybody: a firewall with one rule too many.'
flap_link\t'Takes links down and up again, as often as there is time.'
generate_load\t'Sends one load to a service, asked for by a model.'
http_fault\t'Breaks HTTP on links: answers, streams, connections, certificates, and whole behaviours of models and tools.'
kill_process\t'Kills processes, and has them started again when the hold ends.'
limit_bandwidth\t'Limits the rate of links: a thin line.'
limit_resources\t'Gives a node less processor time, less memory, or less of both.'
load\t'Sends load to a service.'
lossy_link\t'Loses some of what passes links: a bad cable, a full queue.'
nat_shift\t'Gives the flows of UDP links other source ports, once: a NAT router that has lost its table.'
oom\t'Takes the memory of a node\'s group away until the kernel kills the node.'
partition_pair\t'Cuts every link between two nodes, both ways.'
partition_subset\t'Cuts every link between two groups of nodes, both ways; within each group everything goes on.'
pause_process\t'Pauses processes: with SIGSTOP, by freezing their group, or by holding their async runtime.'
reset_connections\t'Resets the connections that links have, once: a firewall that forgets, a balancer that is replaced.'
restart_process\t'Restarts nodes: kills them with SIGKILL, and starts them again at once, as the same nodes.'
slow_link\t'Delays what passes links: a slow network.'
stress_cpu\t'Has processes compete with a node for the processor.'
stress_memory\t'Has a process hold memory beside a node.'"
complete -c squall -n "__fish_squall_using_subcommand experiment" -l slo -d 'An SLO: `p99<200ms`, `errors<1%`. Default: what the goal says, else `p99<200ms`; `errors<1%` comes with it' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l strategy -d 'How the question is answered. Default: a model\'s choice, or by the goal\'s words' -r -f -a "capacity\t'The greatest rate at which the SLOs hold'
ramp\t'Evenly spaced rates'
compare\t'With and without a fault'
repeat\t'The same load several times'"
complete -c squall -n "__fish_squall_using_subcommand experiment" -l fault -d 'The fault of `compare`, as YAML or JSON: `{type: pause_process, pid: 71}`' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l load -d 'A part of the load: `qps=300`, `max_qps=1000`, `seconds=5`, `warmup_seconds=1`, `concurrency=16`' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l runs -d 'Runs of `repeat`, points of `ramp`, pairs of `compare`' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l budget -d 'A budget: `steps=20`, `requests=…`, `fault_seconds=…`, `turns=…`, `tokens=…`, `wall_seconds=…`' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l seed -d 'Seed of every random choice' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l model -d 'The model that plans, at the server that `OPENAI_BASE_URL` names' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l model-timeout -d 'Seconds that one answer of the model may take, retries included; default 120 (`CHAOS_MODEL_TIMEOUT_SECONDS`)' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l report -d 'Writes the report as one HTML page' -r -F
complete -c squall -n "__fish_squall_using_subcommand experiment" -l format -d 'How to print the report' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand experiment" -l replay -d 'Makes the report of a transcript again: no model, no load' -r -F
complete -c squall -n "__fish_squall_using_subcommand experiment" -l transcript -d 'Where the transcript goes; default `.squall/experiments/` in the workspace' -r -F
complete -c squall -n "__fish_squall_using_subcommand experiment" -l events -d 'Writes every step of the engine as a line of JSON while the experiment runs; `-` is standard output, the report then goes to standard error' -r -F
complete -c squall -n "__fish_squall_using_subcommand experiment" -l workspace -d 'Folder for transcripts; default: the current one' -r -F
complete -c squall -n "__fish_squall_using_subcommand experiment" -l metrics -d 'Serves metrics of the runs at this address of loopback, as text for a Prometheus or as `OpenMetrics`; port 0 takes a free one. They end with the command' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l otlp -d 'Sends each run as an OTLP trace once it is over: to this URL (HTTP, protobuf; `/v1/traces` where it has no path), or to this file, as lines of JSON. A trace that is not taken is told, and changes no verdict' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l var -d 'Fills the placeholder `{{NAME}}`' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l var-env -d 'Fills `{{NAME}}` from the environment variable of that name, or of another one; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l var-file -d 'Fills `{{NAME}}` with the text of a file, without the line break at its end; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l allow-host -d 'Allows a host beside loopback: a name, an address, a network, or `*.` and a name' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l allow-fault -d 'Allows only this fault, and others so named; adds to the list of a policy file' -r -f -a "black_hole\t'Swallows what goes into links, without an error that a client could see.'
burst_kill\t'Kills several processes within a moment, and has them started again when the hold ends.'
clock_skew\t'Shifts the wall clock of nodes, each for itself; the clock of the machine is never touched.'
disk_full\t'Fills the file system of a directory, or the one that a node has for itself.'
exhaust_fds\t'Leaves a process no file descriptors: every further open, accept and connect fails with `EMFILE`.'
exhaust_pids\t'Leaves a node no processes and threads: every further fork, clone and thread fails with `EAGAIN`.'
failpoint\t'Arms a fail point of another process over its control endpoints.'
firewall_inbound\t'Drops what others send to a node, while the node itself reaches everybody: a firewall with one rule too many.'
flap_link\t'Takes links down and up again, as often as there is time.'
generate_load\t'Sends one load to a service, asked for by a model.'
http_fault\t'Breaks HTTP on links: answers, streams, connections, certificates, and whole behaviours of models and tools.'
kill_process\t'Kills processes, and has them started again when the hold ends.'
limit_bandwidth\t'Limits the rate of links: a thin line.'
limit_resources\t'Gives a node less processor time, less memory, or less of both.'
load\t'Sends load to a service.'
lossy_link\t'Loses some of what passes links: a bad cable, a full queue.'
nat_shift\t'Gives the flows of UDP links other source ports, once: a NAT router that has lost its table.'
oom\t'Takes the memory of a node\'s group away until the kernel kills the node.'
partition_pair\t'Cuts every link between two nodes, both ways.'
partition_subset\t'Cuts every link between two groups of nodes, both ways; within each group everything goes on.'
pause_process\t'Pauses processes: with SIGSTOP, by freezing their group, or by holding their async runtime.'
reset_connections\t'Resets the connections that links have, once: a firewall that forgets, a balancer that is replaced.'
restart_process\t'Restarts nodes: kills them with SIGKILL, and starts them again at once, as the same nodes.'
slow_link\t'Delays what passes links: a slow network.'
stress_cpu\t'Has processes compete with a node for the processor.'
stress_memory\t'Has a process hold memory beside a node.'"
complete -c squall -n "__fish_squall_using_subcommand experiment" -l allow-command -d 'Allows this program to be started, by its name in the file or in the plan; `*` allows all' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l allow-path -d 'Allows writing in this folder, beside the workspace' -r -F
complete -c squall -n "__fish_squall_using_subcommand experiment" -l allow-context -d 'Allows a context of the kubeconfig; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l allow-namespace -d 'Allows a namespace of a cluster; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l allow-kind -d 'Allows making, changing and removing objects of a kind, such as `Pod`; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l production -d 'What contexts and namespaces of production look like, in place of `*prod*`; those need `--permit production`' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l permit -d 'Grants a permission: `other_user`, `root`, `net_admin`, `irreversible`, `outside_paths` or `production`' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l max-qps -d 'Ceiling of requests per second' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l max-duration -d 'Ceiling of one fault\'s time: seconds, or a duration such as `90s` or `15m`' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l max-concurrency -d 'Ceiling of connections' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l max-bytes -d 'Ceiling of bytes that one fault writes and keeps' -r
complete -c squall -n "__fish_squall_using_subcommand experiment" -l policy -d 'Takes the policy from a file (YAML or JSON); flags go on top of it' -r -F
complete -c squall -n "__fish_squall_using_subcommand experiment" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand experiment" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand experiment" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand experiment" -l offline -d 'Asks no model, whatever the environment says'
complete -c squall -n "__fish_squall_using_subcommand experiment" -l allow-privileged -d 'Deprecated: `--permit other_user --permit root --permit net_admin`'
complete -c squall -n "__fish_squall_using_subcommand experiment" -l accept-policy -d 'Grants what the task file\'s own `policy` asks for'
complete -c squall -n "__fish_squall_using_subcommand experiment" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand soak" -l seed -d 'Seed of every draw; default: the file\'s, else one that the report names' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l manifest -d 'Where the manifest goes; default `.squall/soaks/` in the workspace' -r -F
complete -c squall -n "__fish_squall_using_subcommand soak" -l var -d 'Fills the placeholder `{{NAME}}`' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l var-env -d 'Fills `{{NAME}}` from the environment variable of that name, or of another one; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l var-file -d 'Fills `{{NAME}}` with the text of a file, without the line break at its end; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l kind -d 'What the file is, where its keys don\'t say' -r -f -a "task\t'A task with its entries'
entry\t'One entry'
experiment\t'An experiment'
policy\t'An operator\'s policy'"
complete -c squall -n "__fish_squall_using_subcommand soak" -l format -d 'How to print the report' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand soak" -l events -d 'Writes every event of the run as a line of JSON to this file; `-` is standard output, the report then goes to standard error' -r -F
complete -c squall -n "__fish_squall_using_subcommand soak" -l workspace -d 'Folder for files that plug-ins and soaks keep; default: the current one' -r -F
complete -c squall -n "__fish_squall_using_subcommand soak" -l metrics -d 'Serves metrics of the runs at this address of loopback, as text for a Prometheus or as `OpenMetrics`; port 0 takes a free one. They end with the command' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l otlp -d 'Sends each run as an OTLP trace once it is over: to this URL (HTTP, protobuf; `/v1/traces` where it has no path), or to this file, as lines of JSON. A trace that is not taken is told, and changes no verdict' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l allow-host -d 'Allows a host beside loopback: a name, an address, a network, or `*.` and a name' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l allow-fault -d 'Allows only this fault, and others so named; adds to the list of a policy file' -r -f -a "black_hole\t'Swallows what goes into links, without an error that a client could see.'
burst_kill\t'Kills several processes within a moment, and has them started again when the hold ends.'
clock_skew\t'Shifts the wall clock of nodes, each for itself; the clock of the machine is never touched.'
disk_full\t'Fills the file system of a directory, or the one that a node has for itself.'
exhaust_fds\t'Leaves a process no file descriptors: every further open, accept and connect fails with `EMFILE`.'
exhaust_pids\t'Leaves a node no processes and threads: every further fork, clone and thread fails with `EAGAIN`.'
failpoint\t'Arms a fail point of another process over its control endpoints.'
firewall_inbound\t'Drops what others send to a node, while the node itself reaches everybody: a firewall with one rule too many.'
flap_link\t'Takes links down and up again, as often as there is time.'
generate_load\t'Sends one load to a service, asked for by a model.'
http_fault\t'Breaks HTTP on links: answers, streams, connections, certificates, and whole behaviours of models and tools.'
kill_process\t'Kills processes, and has them started again when the hold ends.'
limit_bandwidth\t'Limits the rate of links: a thin line.'
limit_resources\t'Gives a node less processor time, less memory, or less of both.'
load\t'Sends load to a service.'
lossy_link\t'Loses some of what passes links: a bad cable, a full queue.'
nat_shift\t'Gives the flows of UDP links other source ports, once: a NAT router that has lost its table.'
oom\t'Takes the memory of a node\'s group away until the kernel kills the node.'
partition_pair\t'Cuts every link between two nodes, both ways.'
partition_subset\t'Cuts every link between two groups of nodes, both ways; within each group everything goes on.'
pause_process\t'Pauses processes: with SIGSTOP, by freezing their group, or by holding their async runtime.'
reset_connections\t'Resets the connections that links have, once: a firewall that forgets, a balancer that is replaced.'
restart_process\t'Restarts nodes: kills them with SIGKILL, and starts them again at once, as the same nodes.'
slow_link\t'Delays what passes links: a slow network.'
stress_cpu\t'Has processes compete with a node for the processor.'
stress_memory\t'Has a process hold memory beside a node.'"
complete -c squall -n "__fish_squall_using_subcommand soak" -l allow-command -d 'Allows this program to be started, by its name in the file or in the plan; `*` allows all' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l allow-path -d 'Allows writing in this folder, beside the workspace' -r -F
complete -c squall -n "__fish_squall_using_subcommand soak" -l allow-context -d 'Allows a context of the kubeconfig; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l allow-namespace -d 'Allows a namespace of a cluster; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l allow-kind -d 'Allows making, changing and removing objects of a kind, such as `Pod`; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l production -d 'What contexts and namespaces of production look like, in place of `*prod*`; those need `--permit production`' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l permit -d 'Grants a permission: `other_user`, `root`, `net_admin`, `irreversible`, `outside_paths` or `production`' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l max-qps -d 'Ceiling of requests per second' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l max-duration -d 'Ceiling of one fault\'s time: seconds, or a duration such as `90s` or `15m`' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l max-concurrency -d 'Ceiling of connections' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l max-bytes -d 'Ceiling of bytes that one fault writes and keeps' -r
complete -c squall -n "__fish_squall_using_subcommand soak" -l policy -d 'Takes the policy from a file (YAML or JSON); flags go on top of it' -r -F
complete -c squall -n "__fish_squall_using_subcommand soak" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand soak" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand soak" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand soak" -l dry-run -d 'Prints the plan: every event with what was drawn, and whether the policy allows it; touches nothing'
complete -c squall -n "__fish_squall_using_subcommand soak" -s q -l quiet -d 'Shows no progress; the report and errors stay'
complete -c squall -n "__fish_squall_using_subcommand soak" -s v -l verbose -d 'Shows every event as it happens'
complete -c squall -n "__fish_squall_using_subcommand soak" -l allow-privileged -d 'Deprecated: `--permit other_user --permit root --permit net_admin`'
complete -c squall -n "__fish_squall_using_subcommand soak" -l accept-policy -d 'Grants what the task file\'s own `policy` asks for'
complete -c squall -n "__fish_squall_using_subcommand soak" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand replay" -l var -d 'Fills the placeholder `{{NAME}}`' -r
complete -c squall -n "__fish_squall_using_subcommand replay" -l var-env -d 'Fills `{{NAME}}` from the environment variable of that name, or of another one; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand replay" -l var-file -d 'Fills `{{NAME}}` with the text of a file, without the line break at its end; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand replay" -l kind -d 'What the file is, where its keys don\'t say' -r -f -a "task\t'A task with its entries'
entry\t'One entry'
experiment\t'An experiment'
policy\t'An operator\'s policy'"
complete -c squall -n "__fish_squall_using_subcommand replay" -l format -d 'How to print the report' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand replay" -l events -d 'Writes every event of the run as a line of JSON to this file; `-` is standard output, the report then goes to standard error' -r -F
complete -c squall -n "__fish_squall_using_subcommand replay" -l workspace -d 'Folder for files that plug-ins and soaks keep; default: the current one' -r -F
complete -c squall -n "__fish_squall_using_subcommand replay" -l metrics -d 'Serves metrics of the runs at this address of loopback, as text for a Prometheus or as `OpenMetrics`; port 0 takes a free one. They end with the command' -r
complete -c squall -n "__fish_squall_using_subcommand replay" -l otlp -d 'Sends each run as an OTLP trace once it is over: to this URL (HTTP, protobuf; `/v1/traces` where it has no path), or to this file, as lines of JSON. A trace that is not taken is told, and changes no verdict' -r
complete -c squall -n "__fish_squall_using_subcommand replay" -l allow-host -d 'Allows a host beside loopback: a name, an address, a network, or `*.` and a name' -r
complete -c squall -n "__fish_squall_using_subcommand replay" -l allow-fault -d 'Allows only this fault, and others so named; adds to the list of a policy file' -r -f -a "black_hole\t'Swallows what goes into links, without an error that a client could see.'
burst_kill\t'Kills several processes within a moment, and has them started again when the hold ends.'
clock_skew\t'Shifts the wall clock of nodes, each for itself; the clock of the machine is never touched.'
disk_full\t'Fills the file system of a directory, or the one that a node has for itself.'
exhaust_fds\t'Leaves a process no file descriptors: every further open, accept and connect fails with `EMFILE`.'
exhaust_pids\t'Leaves a node no processes and threads: every further fork, clone and thread fails with `EAGAIN`.'
failpoint\t'Arms a fail point of another process over its control endpoints.'
firewall_inbound\t'Drops what others send to a node, while the node itself reaches everybody: a firewall with one rule too many.'
flap_link\t'Takes links down and up again, as often as there is time.'
generate_load\t'Sends one load to a service, asked for by a model.'
http_fault\t'Breaks HTTP on links: answers, streams, connections, certificates, and whole behaviours of models and tools.'
kill_process\t'Kills processes, and has them started again when the hold ends.'
limit_bandwidth\t'Limits the rate of links: a thin line.'
limit_resources\t'Gives a node less processor time, less memory, or less of both.'
load\t'Sends load to a service.'
lossy_link\t'Loses some of what passes links: a bad cable, a full queue.'
nat_shift\t'Gives the flows of UDP links other source ports, once: a NAT router that has lost its table.'
oom\t'Takes the memory of a node\'s group away until the kernel kills the node.'
partition_pair\t'Cuts every link between two nodes, both ways.'
partition_subset\t'Cuts every link between two groups of nodes, both ways; within each group everything goes on.'
pause_process\t'Pauses processes: with SIGSTOP, by freezing their group, or by holding their async runtime.'
reset_connections\t'Resets the connections that links have, once: a firewall that forgets, a balancer that is replaced.'
restart_process\t'Restarts nodes: kills them with SIGKILL, and starts them again at once, as the same nodes.'
slow_link\t'Delays what passes links: a slow network.'
stress_cpu\t'Has processes compete with a node for the processor.'
stress_memory\t'Has a process hold memory beside a node.'"
complete -c squall -n "__fish_squall_using_subcommand replay" -l allow-command -d 'Allows this program to be started, by its name in the file or in the plan; `*` allows all' -r
complete -c squall -n "__fish_squall_using_subcommand replay" -l allow-path -d 'Allows writing in this folder, beside the workspace' -r -F
complete -c squall -n "__fish_squall_using_subcommand replay" -l allow-context -d 'Allows a context of the kubeconfig; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand replay" -l allow-namespace -d 'Allows a namespace of a cluster; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand replay" -l allow-kind -d 'Allows making, changing and removing objects of a kind, such as `Pod`; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand replay" -l production -d 'What contexts and namespaces of production look like, in place of `*prod*`; those need `--permit production`' -r
complete -c squall -n "__fish_squall_using_subcommand replay" -l permit -d 'Grants a permission: `other_user`, `root`, `net_admin`, `irreversible`, `outside_paths` or `production`' -r
complete -c squall -n "__fish_squall_using_subcommand replay" -l max-qps -d 'Ceiling of requests per second' -r
complete -c squall -n "__fish_squall_using_subcommand replay" -l max-duration -d 'Ceiling of one fault\'s time: seconds, or a duration such as `90s` or `15m`' -r
complete -c squall -n "__fish_squall_using_subcommand replay" -l max-concurrency -d 'Ceiling of connections' -r
complete -c squall -n "__fish_squall_using_subcommand replay" -l max-bytes -d 'Ceiling of bytes that one fault writes and keeps' -r
complete -c squall -n "__fish_squall_using_subcommand replay" -l policy -d 'Takes the policy from a file (YAML or JSON); flags go on top of it' -r -F
complete -c squall -n "__fish_squall_using_subcommand replay" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand replay" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand replay" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand replay" -s q -l quiet -d 'Shows no progress; the report and errors stay'
complete -c squall -n "__fish_squall_using_subcommand replay" -s v -l verbose -d 'Shows every event as it happens'
complete -c squall -n "__fish_squall_using_subcommand replay" -l allow-privileged -d 'Deprecated: `--permit other_user --permit root --permit net_admin`'
complete -c squall -n "__fish_squall_using_subcommand replay" -l accept-policy -d 'Grants what the task file\'s own `policy` asks for'
complete -c squall -n "__fish_squall_using_subcommand replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand shrink" -l tries -d 'How many plans are run at the most' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l output -d 'Where the smaller manifest goes; default: beside the other one, with `.shrunk.json` at its end' -r -F
complete -c squall -n "__fish_squall_using_subcommand shrink" -l var -d 'Fills the placeholder `{{NAME}}`' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l var-env -d 'Fills `{{NAME}}` from the environment variable of that name, or of another one; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l var-file -d 'Fills `{{NAME}}` with the text of a file, without the line break at its end; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l kind -d 'What the file is, where its keys don\'t say' -r -f -a "task\t'A task with its entries'
entry\t'One entry'
experiment\t'An experiment'
policy\t'An operator\'s policy'"
complete -c squall -n "__fish_squall_using_subcommand shrink" -l format -d 'How to print the report' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand shrink" -l events -d 'Writes every event of the run as a line of JSON to this file; `-` is standard output, the report then goes to standard error' -r -F
complete -c squall -n "__fish_squall_using_subcommand shrink" -l workspace -d 'Folder for files that plug-ins and soaks keep; default: the current one' -r -F
complete -c squall -n "__fish_squall_using_subcommand shrink" -l metrics -d 'Serves metrics of the runs at this address of loopback, as text for a Prometheus or as `OpenMetrics`; port 0 takes a free one. They end with the command' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l otlp -d 'Sends each run as an OTLP trace once it is over: to this URL (HTTP, protobuf; `/v1/traces` where it has no path), or to this file, as lines of JSON. A trace that is not taken is told, and changes no verdict' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l allow-host -d 'Allows a host beside loopback: a name, an address, a network, or `*.` and a name' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l allow-fault -d 'Allows only this fault, and others so named; adds to the list of a policy file' -r -f -a "black_hole\t'Swallows what goes into links, without an error that a client could see.'
burst_kill\t'Kills several processes within a moment, and has them started again when the hold ends.'
clock_skew\t'Shifts the wall clock of nodes, each for itself; the clock of the machine is never touched.'
disk_full\t'Fills the file system of a directory, or the one that a node has for itself.'
exhaust_fds\t'Leaves a process no file descriptors: every further open, accept and connect fails with `EMFILE`.'
exhaust_pids\t'Leaves a node no processes and threads: every further fork, clone and thread fails with `EAGAIN`.'
failpoint\t'Arms a fail point of another process over its control endpoints.'
firewall_inbound\t'Drops what others send to a node, while the node itself reaches everybody: a firewall with one rule too many.'
flap_link\t'Takes links down and up again, as often as there is time.'
generate_load\t'Sends one load to a service, asked for by a model.'
http_fault\t'Breaks HTTP on links: answers, streams, connections, certificates, and whole behaviours of models and tools.'
kill_process\t'Kills processes, and has them started again when the hold ends.'
limit_bandwidth\t'Limits the rate of links: a thin line.'
limit_resources\t'Gives a node less processor time, less memory, or less of both.'
load\t'Sends load to a service.'
lossy_link\t'Loses some of what passes links: a bad cable, a full queue.'
nat_shift\t'Gives the flows of UDP links other source ports, once: a NAT router that has lost its table.'
oom\t'Takes the memory of a node\'s group away until the kernel kills the node.'
partition_pair\t'Cuts every link between two nodes, both ways.'
partition_subset\t'Cuts every link between two groups of nodes, both ways; within each group everything goes on.'
pause_process\t'Pauses processes: with SIGSTOP, by freezing their group, or by holding their async runtime.'
reset_connections\t'Resets the connections that links have, once: a firewall that forgets, a balancer that is replaced.'
restart_process\t'Restarts nodes: kills them with SIGKILL, and starts them again at once, as the same nodes.'
slow_link\t'Delays what passes links: a slow network.'
stress_cpu\t'Has processes compete with a node for the processor.'
stress_memory\t'Has a process hold memory beside a node.'"
complete -c squall -n "__fish_squall_using_subcommand shrink" -l allow-command -d 'Allows this program to be started, by its name in the file or in the plan; `*` allows all' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l allow-path -d 'Allows writing in this folder, beside the workspace' -r -F
complete -c squall -n "__fish_squall_using_subcommand shrink" -l allow-context -d 'Allows a context of the kubeconfig; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l allow-namespace -d 'Allows a namespace of a cluster; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l allow-kind -d 'Allows making, changing and removing objects of a kind, such as `Pod`; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l production -d 'What contexts and namespaces of production look like, in place of `*prod*`; those need `--permit production`' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l permit -d 'Grants a permission: `other_user`, `root`, `net_admin`, `irreversible`, `outside_paths` or `production`' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l max-qps -d 'Ceiling of requests per second' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l max-duration -d 'Ceiling of one fault\'s time: seconds, or a duration such as `90s` or `15m`' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l max-concurrency -d 'Ceiling of connections' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l max-bytes -d 'Ceiling of bytes that one fault writes and keeps' -r
complete -c squall -n "__fish_squall_using_subcommand shrink" -l policy -d 'Takes the policy from a file (YAML or JSON); flags go on top of it' -r -F
complete -c squall -n "__fish_squall_using_subcommand shrink" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand shrink" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand shrink" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand shrink" -s q -l quiet -d 'Shows no progress; the report and errors stay'
complete -c squall -n "__fish_squall_using_subcommand shrink" -s v -l verbose -d 'Shows every event as it happens'
complete -c squall -n "__fish_squall_using_subcommand shrink" -l allow-privileged -d 'Deprecated: `--permit other_user --permit root --permit net_admin`'
complete -c squall -n "__fish_squall_using_subcommand shrink" -l accept-policy -d 'Grants what the task file\'s own `policy` asks for'
complete -c squall -n "__fish_squall_using_subcommand shrink" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand torture" -l soak -d 'The task file (YAML or JSON) with `nodes` and a `soak`' -r -F
complete -c squall -n "__fish_squall_using_subcommand torture" -l attempts -d 'How often the command is run under faults; ends with the first failure' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l seed -d 'Seed of the first attempt; default: the file\'s, else one that the report names. Others are derived from it' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l deadline -d 'How long each run of the command may take; default 1h' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l grace -d 'How long the effects of a fault may last once it is undone; default 2s' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l parts -d 'How the output of the command names its tests. `none` gives the command our own streams, so that a terminal stays one' -r -f -a "auto\t'Whatever of the others fits'
nextest\t'cargo nextest'
libtest\t'`cargo test`'
pytest\t'pytest with `-v`'
go\t'`go test` with `-v` or `-json`'
tap\t'The Test Anything Protocol'
none\t'Not at all: the command is one part'"
complete -c squall -n "__fish_squall_using_subcommand torture" -l target-inside -d 'A node of the file that runs inside the command, such as a server that the tests start: faults may act on it. Without it no fault acts on a process of the command. May be given several times' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l json -d 'Writes the report as JSON to this file, beside what is printed' -r -F
complete -c squall -n "__fish_squall_using_subcommand torture" -l var -d 'Fills the placeholder `{{NAME}}`' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l var-env -d 'Fills `{{NAME}}` from the environment variable of that name, or of another one; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l var-file -d 'Fills `{{NAME}}` with the text of a file, without the line break at its end; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l kind -d 'What the file is, where its keys don\'t say' -r -f -a "task\t'A task with its entries'
entry\t'One entry'
experiment\t'An experiment'
policy\t'An operator\'s policy'"
complete -c squall -n "__fish_squall_using_subcommand torture" -l format -d 'How to print the report' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand torture" -l events -d 'Writes every event of the run as a line of JSON to this file; `-` is standard output, the report then goes to standard error' -r -F
complete -c squall -n "__fish_squall_using_subcommand torture" -l workspace -d 'Folder for files that plug-ins and soaks keep; default: the current one' -r -F
complete -c squall -n "__fish_squall_using_subcommand torture" -l metrics -d 'Serves metrics of the runs at this address of loopback, as text for a Prometheus or as `OpenMetrics`; port 0 takes a free one. They end with the command' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l otlp -d 'Sends each run as an OTLP trace once it is over: to this URL (HTTP, protobuf; `/v1/traces` where it has no path), or to this file, as lines of JSON. A trace that is not taken is told, and changes no verdict' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l allow-host -d 'Allows a host beside loopback: a name, an address, a network, or `*.` and a name' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l allow-fault -d 'Allows only this fault, and others so named; adds to the list of a policy file' -r -f -a "black_hole\t'Swallows what goes into links, without an error that a client could see.'
burst_kill\t'Kills several processes within a moment, and has them started again when the hold ends.'
clock_skew\t'Shifts the wall clock of nodes, each for itself; the clock of the machine is never touched.'
disk_full\t'Fills the file system of a directory, or the one that a node has for itself.'
exhaust_fds\t'Leaves a process no file descriptors: every further open, accept and connect fails with `EMFILE`.'
exhaust_pids\t'Leaves a node no processes and threads: every further fork, clone and thread fails with `EAGAIN`.'
failpoint\t'Arms a fail point of another process over its control endpoints.'
firewall_inbound\t'Drops what others send to a node, while the node itself reaches everybody: a firewall with one rule too many.'
flap_link\t'Takes links down and up again, as often as there is time.'
generate_load\t'Sends one load to a service, asked for by a model.'
http_fault\t'Breaks HTTP on links: answers, streams, connections, certificates, and whole behaviours of models and tools.'
kill_process\t'Kills processes, and has them started again when the hold ends.'
limit_bandwidth\t'Limits the rate of links: a thin line.'
limit_resources\t'Gives a node less processor time, less memory, or less of both.'
load\t'Sends load to a service.'
lossy_link\t'Loses some of what passes links: a bad cable, a full queue.'
nat_shift\t'Gives the flows of UDP links other source ports, once: a NAT router that has lost its table.'
oom\t'Takes the memory of a node\'s group away until the kernel kills the node.'
partition_pair\t'Cuts every link between two nodes, both ways.'
partition_subset\t'Cuts every link between two groups of nodes, both ways; within each group everything goes on.'
pause_process\t'Pauses processes: with SIGSTOP, by freezing their group, or by holding their async runtime.'
reset_connections\t'Resets the connections that links have, once: a firewall that forgets, a balancer that is replaced.'
restart_process\t'Restarts nodes: kills them with SIGKILL, and starts them again at once, as the same nodes.'
slow_link\t'Delays what passes links: a slow network.'
stress_cpu\t'Has processes compete with a node for the processor.'
stress_memory\t'Has a process hold memory beside a node.'"
complete -c squall -n "__fish_squall_using_subcommand torture" -l allow-command -d 'Allows this program to be started, by its name in the file or in the plan; `*` allows all' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l allow-path -d 'Allows writing in this folder, beside the workspace' -r -F
complete -c squall -n "__fish_squall_using_subcommand torture" -l allow-context -d 'Allows a context of the kubeconfig; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l allow-namespace -d 'Allows a namespace of a cluster; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l allow-kind -d 'Allows making, changing and removing objects of a kind, such as `Pod`; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l production -d 'What contexts and namespaces of production look like, in place of `*prod*`; those need `--permit production`' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l permit -d 'Grants a permission: `other_user`, `root`, `net_admin`, `irreversible`, `outside_paths` or `production`' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l max-qps -d 'Ceiling of requests per second' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l max-duration -d 'Ceiling of one fault\'s time: seconds, or a duration such as `90s` or `15m`' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l max-concurrency -d 'Ceiling of connections' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l max-bytes -d 'Ceiling of bytes that one fault writes and keeps' -r
complete -c squall -n "__fish_squall_using_subcommand torture" -l policy -d 'Takes the policy from a file (YAML or JSON); flags go on top of it' -r -F
complete -c squall -n "__fish_squall_using_subcommand torture" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand torture" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand torture" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand torture" -l dry-run -d 'Prints what would be injected, and whether the policy allows it; touches nothing'
complete -c squall -n "__fish_squall_using_subcommand torture" -s q -l quiet -d 'Shows no progress; the report and errors stay'
complete -c squall -n "__fish_squall_using_subcommand torture" -s v -l verbose -d 'Shows every event as it happens'
complete -c squall -n "__fish_squall_using_subcommand torture" -l allow-privileged -d 'Deprecated: `--permit other_user --permit root --permit net_admin`'
complete -c squall -n "__fish_squall_using_subcommand torture" -l accept-policy -d 'Grants what the task file\'s own `policy` asks for'
complete -c squall -n "__fish_squall_using_subcommand torture" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand step-run" -l name -d 'What the step is called in messages and for the abort command; default: the name of the program' -r
complete -c squall -n "__fish_squall_using_subcommand step-run" -l abort -d 'A program and its arguments, run without a shell when the step fails; it finds `SQUALL_STEP_OUTCOME`, `SQUALL_STEP_REASON`, `SQUALL_STEP_DETAIL` and `SQUALL_STEP_NAME` in its environment. Its own failure changes no verdict' -r
complete -c squall -n "__fish_squall_using_subcommand step-run" -l abort-deadline -d 'How long the abort command may take; default 30s' -r
complete -c squall -n "__fish_squall_using_subcommand step-run" -l deadline -d 'How long the command may take; then it is ended with everything that it started, and has timed out' -r
complete -c squall -n "__fish_squall_using_subcommand step-run" -l grace -d 'How long the command may go on after SIGTERM before it is killed; default 5s' -r
complete -c squall -n "__fish_squall_using_subcommand step-run" -l reason-file -d 'A file that keeps the first failure of all steps that share it: the outcome is written there, and a failure that it holds already stays' -r -F
complete -c squall -n "__fish_squall_using_subcommand step-run" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand step-run" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand step-run" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand step-run" -l require-reason -d 'The command must write a reason: without one it has not passed'
complete -c squall -n "__fish_squall_using_subcommand step-run" -l unless-failed -d 'Does not start the command where the reason file holds a failure of an earlier step, and ends with its exit code'
complete -c squall -n "__fish_squall_using_subcommand step-run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l scenario -d 'The scenario: the file `NAME.yaml` in the repository, and the first part of the Workflow\'s name' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l scenario-repo -d 'The repository: a folder or a URL that `git` takes' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l scenario-ref -d 'The branch, tag or commit in it' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l scenario-path -d 'The folder in the repository that is looked in before its root' -r -F
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l namespace -d 'The namespace in which it runs' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l run-id -d 'The id of this run, which no other run has: the Workflow is `<scenario>-<run id>`' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l bucket -d 'The bucket that the files of the run are uploaded to; default: none. Keys come from `AWS_…` variables' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l prefix -d 'What the keys of uploaded files begin with; default `<scenario>/<run id>`' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l var -d 'The value of a placeholder; may be given several times. Only placeholders that are named so are replaced' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l secret-var -d 'A placeholder whose value is in the environment variable of that name, and is masked in all output and files' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l run-id-var -d 'The placeholder of the run id' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l namespace-var -d 'The placeholder of the namespace' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l image-check -d 'An image that a Deployment must run, else nothing is applied: `[NAMESPACE/]DEPLOYMENT/CONTAINER=IMAGE[@DIGEST]`' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l mode -d 'Who stops the Workflow at its first failure' -r -f -a "compatible\t'We abort it: Chaos Mesh may start one more step before'
compiled\t'Chaos Mesh itself: its sequence is rewritten to nested branches'
strict\t'Our own engine starts every step as a pod, and none after a failure'"
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l finally -d 'A template that runs last, whatever happened: the last children of the entry. In compiled and strict mode' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l timeout -d 'How long the Workflow may take; default: the deadline of its entry and five minutes, else an hour' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l clean-timeout -d 'How long cleaning up may take; default 2m' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l kubeconfig -d 'The kubeconfig; default `KUBECONFIG`, else `~/.kube/config`, else the service account of the pod' -r -F
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l context -d 'The context in it; default its current one' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l format -d 'How to print the report' -r -f -a "text\t'Text for people'
json\t'One JSON object'
junit\t'`JUnit` XML: a case for each entry, each undo, and each probe of the steady state'
html\t'One HTML page that needs nothing else'"
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l events -d 'Writes every event of the run as a line of JSON to this file; `-` is standard output, the report then goes to standard error' -r -F
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l workspace -d 'Folder below which the files of the run are kept; default: the current one' -r -F
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l metrics -d 'Serves metrics of the runs at this address of loopback, as text for a Prometheus or as `OpenMetrics`; port 0 takes a free one. They end with the command' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l otlp -d 'Sends each run as an OTLP trace once it is over: to this URL (HTTP, protobuf; `/v1/traces` where it has no path), or to this file, as lines of JSON. A trace that is not taken is told, and changes no verdict' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l allow-host -d 'Allows a host beside loopback: a name, an address, a network, or `*.` and a name' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l allow-fault -d 'Allows only this fault, and others so named; adds to the list of a policy file' -r -f -a "black_hole\t'Swallows what goes into links, without an error that a client could see.'
burst_kill\t'Kills several processes within a moment, and has them started again when the hold ends.'
clock_skew\t'Shifts the wall clock of nodes, each for itself; the clock of the machine is never touched.'
disk_full\t'Fills the file system of a directory, or the one that a node has for itself.'
exhaust_fds\t'Leaves a process no file descriptors: every further open, accept and connect fails with `EMFILE`.'
exhaust_pids\t'Leaves a node no processes and threads: every further fork, clone and thread fails with `EAGAIN`.'
failpoint\t'Arms a fail point of another process over its control endpoints.'
firewall_inbound\t'Drops what others send to a node, while the node itself reaches everybody: a firewall with one rule too many.'
flap_link\t'Takes links down and up again, as often as there is time.'
generate_load\t'Sends one load to a service, asked for by a model.'
http_fault\t'Breaks HTTP on links: answers, streams, connections, certificates, and whole behaviours of models and tools.'
kill_process\t'Kills processes, and has them started again when the hold ends.'
limit_bandwidth\t'Limits the rate of links: a thin line.'
limit_resources\t'Gives a node less processor time, less memory, or less of both.'
load\t'Sends load to a service.'
lossy_link\t'Loses some of what passes links: a bad cable, a full queue.'
nat_shift\t'Gives the flows of UDP links other source ports, once: a NAT router that has lost its table.'
oom\t'Takes the memory of a node\'s group away until the kernel kills the node.'
partition_pair\t'Cuts every link between two nodes, both ways.'
partition_subset\t'Cuts every link between two groups of nodes, both ways; within each group everything goes on.'
pause_process\t'Pauses processes: with SIGSTOP, by freezing their group, or by holding their async runtime.'
reset_connections\t'Resets the connections that links have, once: a firewall that forgets, a balancer that is replaced.'
restart_process\t'Restarts nodes: kills them with SIGKILL, and starts them again at once, as the same nodes.'
slow_link\t'Delays what passes links: a slow network.'
stress_cpu\t'Has processes compete with a node for the processor.'
stress_memory\t'Has a process hold memory beside a node.'"
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l allow-command -d 'Allows this program to be started, by its name in the file or in the plan; `*` allows all' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l allow-path -d 'Allows writing in this folder, beside the workspace' -r -F
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l allow-context -d 'Allows a context of the kubeconfig; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l allow-namespace -d 'Allows a namespace of a cluster; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l allow-kind -d 'Allows making, changing and removing objects of a kind, such as `Pod`; `*` stands for any text' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l production -d 'What contexts and namespaces of production look like, in place of `*prod*`; those need `--permit production`' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l permit -d 'Grants a permission: `other_user`, `root`, `net_admin`, `irreversible`, `outside_paths` or `production`' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l max-qps -d 'Ceiling of requests per second' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l max-duration -d 'Ceiling of one fault\'s time: seconds, or a duration such as `90s` or `15m`' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l max-concurrency -d 'Ceiling of connections' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l max-bytes -d 'Ceiling of bytes that one fault writes and keeps' -r
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l policy -d 'Takes the policy from a file (YAML or JSON); flags go on top of it' -r -F
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l dry-run -d 'Fetches, renders and checks, and says what would be applied; asks the cluster nothing'
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -s q -l quiet -d 'Shows no progress; the report and errors stay'
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l allow-privileged -d 'Deprecated: `--permit other_user --permit root --permit net_admin`'
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -l accept-policy -d 'Grants what the task file\'s own `policy` asks for'
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -f -a "survey" -d 'Lists what scenarios have in common, what differs between them, and what none of them uses; runs nothing'
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and not __fish_seen_subcommand_from survey help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and __fish_seen_subcommand_from survey" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and __fish_seen_subcommand_from survey" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and __fish_seen_subcommand_from survey" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and __fish_seen_subcommand_from survey" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and __fish_seen_subcommand_from survey" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and __fish_seen_subcommand_from help" -f -a "survey" -d 'Lists what scenarios have in common, what differs between them, and what none of them uses; runs nothing'
complete -c squall -n "__fish_squall_using_subcommand workflow-run; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c squall -n "__fish_squall_using_subcommand validate" -l var -d 'Fills the placeholder `{{NAME}}`' -r
complete -c squall -n "__fish_squall_using_subcommand validate" -l var-env -d 'Fills `{{NAME}}` from the environment variable of that name, or of another one; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand validate" -l var-file -d 'Fills `{{NAME}}` with the text of a file, without the line break at its end; every output has `***` in its place' -r
complete -c squall -n "__fish_squall_using_subcommand validate" -l kind -d 'What the file is, where its keys don\'t say' -r -f -a "task\t'A task with its entries'
entry\t'One entry'
experiment\t'An experiment'
policy\t'An operator\'s policy'"
complete -c squall -n "__fish_squall_using_subcommand validate" -l verifier -d 'The program that answers the harness\'s own checks at the run, so that a `verify` may name what only it knows; it is not started' -r
complete -c squall -n "__fish_squall_using_subcommand validate" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand validate" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand validate" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand validate" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand validate" -l strict -d 'Refuses what is only a warning, too'
complete -c squall -n "__fish_squall_using_subcommand validate" -l allow-placeholders -d 'Lets placeholders stand that no `--var` fills'
complete -c squall -n "__fish_squall_using_subcommand validate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand schema" -l kind -d 'Which document, or which output' -r -f -a "task\t'A task with its entries'
entry\t'One entry'
experiment\t'An experiment'
policy\t'An operator\'s policy'
report\t'The report that a run writes as JSON'
event\t'One line of the events that a run writes'
workflow\t'The report of a workflow that a run writes as JSON'"
complete -c squall -n "__fish_squall_using_subcommand schema" -l profile -d 'Who reads it' -r -f -a "editor\t'Editors: with snippets and texts for hovering'
plain\t'Validators: standard keywords only'
tools\t'Models: one function tool for each fault, without parameters that only an author may set'"
complete -c squall -n "__fish_squall_using_subcommand schema" -l var -d 'Fills the placeholder `{{NAME}}` of the experiment' -r
complete -c squall -n "__fish_squall_using_subcommand schema" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand schema" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand schema" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand list" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand list" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand list" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand list" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand explain" -l kind -d 'The kind that is meant, where several have one of that name; default: all of them' -r -f -a "faults\t''
triggers\t''
probes\t''
nodes\t''
sources\t''
steps\t''"
complete -c squall -n "__fish_squall_using_subcommand explain" -l format -d 'How to print it; the text is Markdown' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand explain" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand explain" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand explain" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand doctor" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand doctor" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand doctor" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand doctor" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand fortio" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand fortio" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand fortio" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and not __fish_seen_subcommand_from serve list inspect create toggle delete toxic reset help" -l host -d 'URL of the control API that the verbs speak to, as `toxiproxy-cli` has it before its verbs' -r
complete -c squall -n "__fish_squall_using_subcommand links; and not __fish_seen_subcommand_from serve list inspect create toggle delete toxic reset help" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand links; and not __fish_seen_subcommand_from serve list inspect create toggle delete toxic reset help" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and not __fish_seen_subcommand_from serve list inspect create toggle delete toxic reset help" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and not __fish_seen_subcommand_from serve list inspect create toggle delete toxic reset help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand links; and not __fish_seen_subcommand_from serve list inspect create toggle delete toxic reset help" -f -a "serve" -d 'Serves links and toxiproxy\'s control API until SIGINT or SIGTERM, and then closes all of them'
complete -c squall -n "__fish_squall_using_subcommand links; and not __fish_seen_subcommand_from serve list inspect create toggle delete toxic reset help" -f -a "list" -d 'Lists all links'
complete -c squall -n "__fish_squall_using_subcommand links; and not __fish_seen_subcommand_from serve list inspect create toggle delete toxic reset help" -f -a "inspect" -d 'Shows one link with its toxics'
complete -c squall -n "__fish_squall_using_subcommand links; and not __fish_seen_subcommand_from serve list inspect create toggle delete toxic reset help" -f -a "create" -d 'Makes a link'
complete -c squall -n "__fish_squall_using_subcommand links; and not __fish_seen_subcommand_from serve list inspect create toggle delete toxic reset help" -f -a "toggle" -d 'Disables a link that is enabled, which closes its connections, and enables one that is disabled'
complete -c squall -n "__fish_squall_using_subcommand links; and not __fish_seen_subcommand_from serve list inspect create toggle delete toxic reset help" -f -a "delete" -d 'Removes a link and closes its connections'
complete -c squall -n "__fish_squall_using_subcommand links; and not __fish_seen_subcommand_from serve list inspect create toggle delete toxic reset help" -f -a "toxic" -d 'Adds, changes and removes toxics of a link, also while connections are open'
complete -c squall -n "__fish_squall_using_subcommand links; and not __fish_seen_subcommand_from serve list inspect create toggle delete toxic reset help" -f -a "reset" -d 'Enables all links and removes all toxics'
complete -c squall -n "__fish_squall_using_subcommand links; and not __fish_seen_subcommand_from serve list inspect create toggle delete toxic reset help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from serve" -l host -d 'Address or name on which the control API listens' -r
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from serve" -l port -d 'Port of the control API; 0 takes any that is free, and the real one is told' -r
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from serve" -l seed -d 'Seed of the draws of toxicity, jitter and loss; default: one from the time, which is told' -r
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from serve" -l config -d 'Links that are there from the start: toxiproxy\'s configuration, a JSON list of proxies, which may have `toxics`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from serve" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from serve" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from serve" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from list" -l host -d 'URL of the control API; default: `TOXIPROXY_URL`, else `http://localhost:8474`' -r
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from list" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from list" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from list" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from list" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from inspect" -l host -d 'URL of the control API; default: `TOXIPROXY_URL`, else `http://localhost:8474`' -r
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from inspect" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from inspect" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from inspect" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from inspect" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from create" -s l -l listen -d 'Where clients connect, `HOST:PORT`; port 0 takes any that is free, and the real one is shown' -r
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from create" -s u -l upstream -d 'Where the server is, `HOST:PORT`' -r
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from create" -l protocol -d 'What it forwards; toxiproxy\'s own server knows TCP only' -r -f -a "tcp\t'Connections'
udp\t'Datagrams'
http\t'Requests of HTTP/1.1 and HTTP/2, whose answers rules can break'"
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from create" -l host -d 'URL of the control API; default: `TOXIPROXY_URL`, else `http://localhost:8474`' -r
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from create" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from create" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from create" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from create" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from toggle" -l host -d 'URL of the control API; default: `TOXIPROXY_URL`, else `http://localhost:8474`' -r
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from toggle" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from toggle" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from toggle" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from toggle" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from toggle" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from delete" -l host -d 'URL of the control API; default: `TOXIPROXY_URL`, else `http://localhost:8474`' -r
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from delete" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from delete" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from delete" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from delete" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from toxic" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from toxic" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from toxic" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from toxic" -s h -l help -d 'Print help'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from toxic" -f -a "add" -d 'Adds a toxic to a link'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from toxic" -f -a "update" -d 'Changes some attributes of a toxic, or its toxicity; what is not named stays'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from toxic" -f -a "remove" -d 'Removes a toxic from a link'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from toxic" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from reset" -l host -d 'URL of the control API; default: `TOXIPROXY_URL`, else `http://localhost:8474`' -r
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from reset" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from reset" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from reset" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from reset" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from reset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from help" -f -a "serve" -d 'Serves links and toxiproxy\'s control API until SIGINT or SIGTERM, and then closes all of them'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from help" -f -a "list" -d 'Lists all links'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from help" -f -a "inspect" -d 'Shows one link with its toxics'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from help" -f -a "create" -d 'Makes a link'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from help" -f -a "toggle" -d 'Disables a link that is enabled, which closes its connections, and enables one that is disabled'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Removes a link and closes its connections'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from help" -f -a "toxic" -d 'Adds, changes and removes toxics of a link, also while connections are open'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from help" -f -a "reset" -d 'Enables all links and removes all toxics'
complete -c squall -n "__fish_squall_using_subcommand links; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c squall -n "__fish_squall_using_subcommand recover" -l forget -d 'Gives up the journal of a dead run that can\'t be undone here; its effects may stay in force' -r
complete -c squall -n "__fish_squall_using_subcommand recover" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand recover" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand recover" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand recover" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand recover" -l all -d 'Ends live runs first: each undoes what it made, and what is left then is recovered'
complete -c squall -n "__fish_squall_using_subcommand recover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand release" -l format -d 'How to print it' -r -f -a "text\t'Text for people'
json\t'JSON for programs'"
complete -c squall -n "__fish_squall_using_subcommand release" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand release" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand release" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand release" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c squall -n "__fish_squall_using_subcommand tell" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand tell" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand tell" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand tell" -s h -l help -d 'Print help'
complete -c squall -n "__fish_squall_using_subcommand completions" -l color -d 'Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`' -r -f -a "auto\t''
always\t''
never\t''"
complete -c squall -n "__fish_squall_using_subcommand completions" -l config -d 'The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`' -r -F
complete -c squall -n "__fish_squall_using_subcommand completions" -l state -d 'Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file\'s, else `$XDG_STATE_HOME/squall` or `~/.local/state/squall`' -r -F
complete -c squall -n "__fish_squall_using_subcommand completions" -s h -l help -d 'Print help'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "demo" -d 'Runs a complete example: validates a task file, waits for its trigger, puts a load spike on a server of its own, verifies it and reports. Takes about ten seconds; uses only loopback'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "run" -d 'Runs task files: every entry on its own trigger, undone whatever happens, judged by its probes'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "inject" -d 'Injects one fault now, holds it, and undoes it'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "up" -d 'Starts the nodes of a task file and holds them for ad-hoc work, until Ctrl-C, `squall down` or the time of `--for`'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "ps" -d 'Lists the nodes of live runs: process, state, readiness, ports, and since when'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "status" -d 'Lists what is in force, newest first: by which run, who keeps it, and for how much longer. Touches nothing'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "down" -d 'Ends a run of `squall up`: what is in force is undone, the nodes are stopped, and that run reports'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "diff" -d 'Compares two reports (`run --format json`): verdicts, response times, failed requests, times to detect and to recover'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "experiment" -d 'Answers a question about a service: bounded steps of load and faults, measured by the engine, every claim checked'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "soak" -d 'Runs a soak: faults that a seed draws from the weighted pool of a file, within bounds, against targets that stay legal'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "replay" -d 'Runs the plan of a soak again: the same faults with the same values, on the same nodes, in the same order'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "shrink" -d 'Finds a smaller plan that still fails as the soak did, and writes a manifest of it'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "torture" -d 'Runs a test command once without faults, and then while a soak injects faults into the nodes that it talks to'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "step-run" -d 'Runs one task of somebody else\'s workflow: judges how it ends, and on a failure runs an abort command, once'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "workflow-run" -d 'Runs a scenario (a Chaos Mesh Workflow in a git repository): fetches and renders it, refuses what has drifted, applies it, follows it to its first failure, captures everything, cleans up, uploads'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "validate" -d 'Checks task files as `run` would, and as the published schema does, and manifests of Chaos Mesh; runs nothing'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "schema" -d 'Prints the JSON Schema of task files, entries, experiments or policies, with every plug-in of this program, or of what a run writes'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "list" -d 'Lists the faults, triggers, probes, node kinds, sources of evidence and leaf steps of workflows of this program'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "explain" -d 'Explains one fault, trigger or probe: what it does, its parameters, an example'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "doctor" -d 'Says what this machine can do, which faults and node kinds that leaves out, and which setting forbids it. Nothing is touched'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "fortio" -d 'Makes load with fortio\'s command line: `squall fortio load [flags] URL`. No policy applies to it'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "links" -d 'Serves TCP and UDP links with toxics (latency, bandwidth, loss, resets, …) and toxiproxy\'s control API, or speaks to a server that does: ours, or toxiproxy\'s own'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "recover" -d 'Undoes what crashed runs left behind, newest first; a run that is alive is left alone'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "release" -d 'Ends the hold of a live run now; undo, verification and verdict follow in that run as usual'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "tell" -d 'Tells a live run that something happened, such as that the agent under test acted; a trigger `event` may wait for it'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "completions" -d 'Prints a completion script for a shell'
complete -c squall -n "__fish_squall_using_subcommand help; and not __fish_seen_subcommand_from demo run inject up ps status down diff experiment soak replay shrink torture step-run workflow-run validate schema list explain doctor fortio links recover release tell completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c squall -n "__fish_squall_using_subcommand help; and __fish_seen_subcommand_from workflow-run" -f -a "survey" -d 'Lists what scenarios have in common, what differs between them, and what none of them uses; runs nothing'
complete -c squall -n "__fish_squall_using_subcommand help; and __fish_seen_subcommand_from links" -f -a "serve" -d 'Serves links and toxiproxy\'s control API until SIGINT or SIGTERM, and then closes all of them'
complete -c squall -n "__fish_squall_using_subcommand help; and __fish_seen_subcommand_from links" -f -a "list" -d 'Lists all links'
complete -c squall -n "__fish_squall_using_subcommand help; and __fish_seen_subcommand_from links" -f -a "inspect" -d 'Shows one link with its toxics'
complete -c squall -n "__fish_squall_using_subcommand help; and __fish_seen_subcommand_from links" -f -a "create" -d 'Makes a link'
complete -c squall -n "__fish_squall_using_subcommand help; and __fish_seen_subcommand_from links" -f -a "toggle" -d 'Disables a link that is enabled, which closes its connections, and enables one that is disabled'
complete -c squall -n "__fish_squall_using_subcommand help; and __fish_seen_subcommand_from links" -f -a "delete" -d 'Removes a link and closes its connections'
complete -c squall -n "__fish_squall_using_subcommand help; and __fish_seen_subcommand_from links" -f -a "toxic" -d 'Adds, changes and removes toxics of a link, also while connections are open'
complete -c squall -n "__fish_squall_using_subcommand help; and __fish_seen_subcommand_from links" -f -a "reset" -d 'Enables all links and removes all toxics'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "black_hole" -d 'Swallows what goes into links, without an error that a client could see.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "burst_kill" -d 'Kills several processes within a moment, and has them started again when the hold ends.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "clock_skew" -d 'Shifts the wall clock of nodes, each for itself; the clock of the machine is never touched.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "disk_full" -d 'Fills the file system of a directory, or the one that a node has for itself.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "exhaust_fds" -d 'Leaves a process no file descriptors: every further open, accept and connect fails with `EMFILE`.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "exhaust_pids" -d 'Leaves a node no processes and threads: every further fork, clone and thread fails with `EAGAIN`.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "failpoint" -d 'Arms a fail point of another process over its control endpoints.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "firewall_inbound" -d 'Drops what others send to a node, while the node itself reaches everybody: a firewall with one rule too many.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "flap_link" -d 'Takes links down and up again, as often as there is time.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "generate_load" -d 'Sends one load to a service, asked for by a model.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "http_fault" -d 'Breaks HTTP on links: answers, streams, connections, certificates, and whole behaviours of models and tools.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "kill_process" -d 'Kills processes, and has them started again when the hold ends.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "limit_bandwidth" -d 'Limits the rate of links: a thin line.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "limit_resources" -d 'Gives a node less processor time, less memory, or less of both.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "load" -d 'Sends load to a service.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "lossy_link" -d 'Loses some of what passes links: a bad cable, a full queue.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "nat_shift" -d 'Gives the flows of UDP links other source ports, once: a NAT router that has lost its table.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "oom" -d 'Takes the memory of a node\'s group away until the kernel kills the node.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "partition_pair" -d 'Cuts every link between two nodes, both ways.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "partition_subset" -d 'Cuts every link between two groups of nodes, both ways; within each group everything goes on.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "pause_process" -d 'Pauses processes: with SIGSTOP, by freezing their group, or by holding their async runtime.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "reset_connections" -d 'Resets the connections that links have, once: a firewall that forgets, a balancer that is replaced.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "restart_process" -d 'Restarts nodes: kills them with SIGKILL, and starts them again at once, as the same nodes.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "slow_link" -d 'Delays what passes links: a slow network.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "stress_cpu" -d 'Has processes compete with a node for the processor.'
complete -c squall -n "__fish_squall_using_subcommand inject; and not __fish_seen_subcommand_from black_hole burst_kill clock_skew disk_full exhaust_fds exhaust_pids failpoint firewall_inbound flap_link generate_load http_fault kill_process limit_bandwidth limit_resources load lossy_link nat_shift oom partition_pair partition_subset pause_process reset_connections restart_process slow_link stress_cpu stress_memory" -f -a "stress_memory" -d 'Has a process hold memory beside a node.'
complete -c squall -n "__fish_squall_using_subcommand list; and not __fish_seen_subcommand_from faults triggers probes nodes sources steps" -f -a "faults" -d ''
complete -c squall -n "__fish_squall_using_subcommand list; and not __fish_seen_subcommand_from faults triggers probes nodes sources steps" -f -a "triggers" -d ''
complete -c squall -n "__fish_squall_using_subcommand list; and not __fish_seen_subcommand_from faults triggers probes nodes sources steps" -f -a "probes" -d ''
complete -c squall -n "__fish_squall_using_subcommand list; and not __fish_seen_subcommand_from faults triggers probes nodes sources steps" -f -a "nodes" -d ''
complete -c squall -n "__fish_squall_using_subcommand list; and not __fish_seen_subcommand_from faults triggers probes nodes sources steps" -f -a "sources" -d ''
complete -c squall -n "__fish_squall_using_subcommand list; and not __fish_seen_subcommand_from faults triggers probes nodes sources steps" -f -a "steps" -d ''
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "after" -d 'Waits for several triggers one after the other: each begins to wait when the one before it has fired.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "all" -d 'Waits for several triggers at the same time, and fires once each of them has fired.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "any" -d 'Waits for several triggers at the same time, and fires with the first that does.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "black_hole" -d 'Swallows what goes into links, without an error that a client could see.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "burst_kill" -d 'Kills several processes within a moment, and has them started again when the hold ends.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "check" -d 'Asks a probe: once (`assert`), until it says yes (`converge`), or as long as it must stay yes (`hold`).'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "clock_skew" -d 'Shifts the wall clock of nodes, each for itself; the clock of the machine is never touched.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "command" -d 'Asks a program, without a shell.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "container" -d 'A container of Docker or Podman: started by the run from an image, or attached by its name.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "debounce" -d 'Waits for a trigger, and then until it has not fired again for a time.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "disk_full" -d 'Fills the file system of a directory, or the one that a node has for itself.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "event" -d 'Fires when another entry became active, was released or was reverted, or when the harness tells an event.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "exhaust_fds" -d 'Leaves a process no file descriptors: every further open, accept and connect fails with `EMFILE`.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "exhaust_pids" -d 'Leaves a node no processes and threads: every further fork, clone and thread fails with `EAGAIN`.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "failpoint" -d 'Arms a fail point of another process over its control endpoints.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "fault" -d 'Runs an entry: trigger, fault, undo, verdict, as in `chaos_spec`. The step ends when the fault is undone.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "firewall_inbound" -d 'Drops what others send to a node, while the node itself reaches everybody: a firewall with one rule too many.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "flap_link" -d 'Takes links down and up again, as often as there is time.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "generate_load" -d 'Sends one load to a service, asked for by a model.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "grpc_health" -d 'Asks a gRPC server for the health of a service, by the standard `grpc.health.v1.Health/Check`.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "http" -d 'Asks a URL, and checks the status and, if wanted, the body.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "http_fault" -d 'Breaks HTTP on links: answers, streams, connections, certificates, and whole behaviours of models and tools.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "immediate" -d 'Fires at once.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "kill_process" -d 'Kills processes, and has them started again when the hold ends.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "limit_bandwidth" -d 'Limits the rate of links: a thin line.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "limit_resources" -d 'Gives a node less processor time, less memory, or less of both.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "link" -d 'Forwards connections or datagrams to a server, so that faults on links have something to act on.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "load" -d 'Sends load to a service.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "load_slo" -d 'Holds the response times, errors and rate of a load of the same run against what they should be.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "log" -d 'Asks how many log lines match a pattern.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "log_file" -d 'Follows log files, those of nodes or others, and keeps their lines for the probe `log`.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "lossy_link" -d 'Loses some of what passes links: a bad cable, a full queue.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "metric" -d 'Holds a metric against a limit.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "nat_shift" -d 'Gives the flows of UDP links other source ports, once: a NAT router that has lost its table.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "none" -d 'Asks several probes at the same time: yes when none says yes.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "oom" -d 'Takes the memory of a node\'s group away until the kernel kills the node.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "otlp" -d 'Takes in spans, metrics and logs by OTLP, over HTTP (protobuf and JSON) and gRPC on one port of 127.0.0.1.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "otlp_span" -d 'Looks for spans that the system under test has sent: how many fit, within a window.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "partition_pair" -d 'Cuts every link between two nodes, both ways.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "partition_subset" -d 'Cuts every link between two groups of nodes, both ways; within each group everything goes on.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "pause_process" -d 'Pauses processes: with SIGSTOP, by freezing their group, or by holding their async runtime.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "pod_task" -d 'Runs a pod with one container, once, and waits for its end.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "probe" -d 'Fires when a probe says yes, and has said nothing else for a time.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "process" -d 'Asks whether a process runs, has exited, or was started again.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "prometheus" -d 'Scrapes targets as Prometheus does, and keeps their samples for the probe `metric`.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "promql" -d 'Asks a Prometheus server with a query in PromQL.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "recording" -d 'Replays what an earlier run has recorded, at the same times of the run\'s clock.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "reset_connections" -d 'Resets the connections that links have, once: a firewall that forgets, a balancer that is replaced.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "restart_process" -d 'Restarts nodes: kills them with SIGKILL, and starts them again at once, as the same nodes.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "running" -d 'A process that is there already: attached, not started, and never stopped by Squall.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "schedule" -d 'Fires at the next time of a cron expression.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "sequence" -d 'Asks several probes one after the other, and stops at the first that does not say yes.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "signal" -d 'Fires when this process gets a signal.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "slow_link" -d 'Delays what passes links: a slow network.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "soak" -d 'Runs a soak: faults drawn by seed from a weighted pool, against the nodes of the run.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "stress_cpu" -d 'Has processes compete with a node for the processor.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "stress_memory" -d 'Has a process hold memory beside a node.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "tcp" -d 'Asks whether a TCP connection opens.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "time" -d 'Fires after a delay.'
complete -c squall -n "__fish_squall_using_subcommand explain; and not __fish_seen_subcommand_from after all any black_hole burst_kill check clock_skew command container debounce disk_full event exhaust_fds exhaust_pids failpoint fault firewall_inbound flap_link generate_load grpc_health http http_fault immediate kill_process limit_bandwidth limit_resources link load load_slo log log_file lossy_link metric nat_shift none oom otlp otlp_span partition_pair partition_subset pause_process pod_task probe process prometheus promql recording reset_connections restart_process running schedule sequence signal slow_link soak stress_cpu stress_memory tcp time wait" -f -a "wait" -d 'Waits.'
complete -c squall -n "__fish_squall_using_subcommand completions; and not __fish_seen_subcommand_from bash elvish fish powershell zsh" -f -a "bash" -d ''
complete -c squall -n "__fish_squall_using_subcommand completions; and not __fish_seen_subcommand_from bash elvish fish powershell zsh" -f -a "elvish" -d ''
complete -c squall -n "__fish_squall_using_subcommand completions; and not __fish_seen_subcommand_from bash elvish fish powershell zsh" -f -a "fish" -d ''
complete -c squall -n "__fish_squall_using_subcommand completions; and not __fish_seen_subcommand_from bash elvish fish powershell zsh" -f -a "powershell" -d ''
complete -c squall -n "__fish_squall_using_subcommand completions; and not __fish_seen_subcommand_from bash elvish fish powershell zsh" -f -a "zsh" -d ''
