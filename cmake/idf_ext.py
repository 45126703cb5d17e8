"""Actions of esp-ota-toolkit for idf.py, ESP-IDF 4.4 to 6.x.

    idf.py ota_flash  [--force] [--config FILE] [--version V]   build, publish, tell the devices to update
    idf.py ota_check  [--config FILE]                           ask the devices whether there is an update
    idf.py ota_config [--config FILE]                           create the deploy configuration

Install it as `idf_ext.py` in the project's folder, or put the folder of this file into the environment
variable IDF_EXTRA_ACTIONS_PATH. FILE is relative to the project's folder.

`ota` is taken from the environment variable OTA_EXECUTABLE, else from node_modules/.bin of the project's
folder or a folder above it, else from PATH. An action ends with the exit status of `ota`.

Python 3.8 or newer, standard library only: this runs in ESP-IDF's own Python environment.
"""

import importlib.util
import os
import shutil
import subprocess
import sys

# The one place that knows how `ota` is called. Options that were given are appended, each under its own name.
COMMAND_LINES = {
    "ota_flash": ["publish", "--config", "{config}", "--command", "update"],
    "ota_check": ["command", "check", "--config", "{config}"],
    "ota_config": ["init", "--deploy-config", "{config}"],
}

CONFIG_OPTION = {
    "names": ["--config"],
    "default": "ota_deploy_config.json",
    "help": "Deploy configuration, relative to the project's folder. Default: ota_deploy_config.json",
}


def action_extensions(base_actions, project_path):
    """What idf.py calls to learn the actions ("Extending idf.py" in the ESP-IDF programming guide)."""
    known = base_actions.get("actions", {})
    if any(_is_ours(action) for action in known.values()):
        return _second_load(base_actions, project_path)

    actions = {}
    for name, action in _actions(project_path).items():
        if name in known:
            # idf.py up to 5.5 would replace the other action without a word.
            print("WARNING: another extension has an action %s; the one of esp-ota-toolkit is left out." % name,
                  file=sys.stderr)
        else:
            actions[name] = action
    return _extension(actions)


def _extension(actions):
    # "version" is required from ESP-IDF 6.0 and ignored before.
    return {"version": "1", "global_options": [], "global_action_callbacks": [], "actions": actions}


def _actions(project_path):
    def run(subcommand_name, ctx, global_args, **options):
        # idf.py drops what a callback returns: only an exception ends it with a status.
        status = _run_ota(_find_ota(project_path, ctx), _arguments(subcommand_name, options), project_path)
        if status != 0:
            raise SystemExit(status)

    run.from_esp_ota_toolkit = True
    return {
        "ota_flash": {
            "callback": run,
            "short_help": "Build, publish the firmware and tell the devices to update.",
            "help": "Build the project, publish the firmware for download and send the update command over MQTT.",
            "options": [
                {"names": ["--force"], "is_flag": True, "default": False,
                 "help": "Let devices install the version that they already have."},
                CONFIG_OPTION,
                {"names": ["--version"], "default": None,
                 "help": "Version to publish, in place of the one that was built."},
            ],
            "dependencies": ["all"],
        },
        "ota_check": {
            "callback": run,
            "short_help": "Ask the devices whether there is an update for them.",
            "help": "Send the check command over MQTT and show what the devices answer. Uploads nothing.",
            "options": [CONFIG_OPTION],
        },
        "ota_config": {
            "callback": run,
            "short_help": "Create the deploy configuration.",
            "help": "Create the deploy configuration with its defaults. Does nothing else.",
            "options": [CONFIG_OPTION],
        },
    }


def _arguments(name, options):
    arguments = [word.format(config=options["config"]) for word in COMMAND_LINES[name]]
    for option in ("version", "force"):
        value = options.get(option)
        if value is True:
            arguments.append("--" + option)
        elif value:
            arguments.extend(["--" + option, value])
    return arguments


def _find_ota(project_path, ctx):
    wanted = os.environ.get("OTA_EXECUTABLE")
    if wanted:
        found = shutil.which(os.path.join(project_path, wanted)) or shutil.which(wanted)
        if found:
            return found
        raise _fatal_error("OTA_EXECUTABLE is \"%s\", which is no program." % wanted, ctx)
    folder = os.path.abspath(project_path)
    while True:
        # shutil.which knows that the file is called ota.cmd on Windows.
        found = shutil.which("ota", path=os.path.join(folder, "node_modules", ".bin"))
        if found:
            return found
        if folder == os.path.dirname(folder):
            break
        folder = os.path.dirname(folder)
    found = shutil.which("ota")
    if found:
        return found
    raise _fatal_error(
        "`ota` is neither in node_modules/.bin of %s or a folder above it, nor in PATH. Install it with "
        "`npm install --save-dev esp-ota-toolkit`, or set OTA_EXECUTABLE." % project_path, ctx)


def _run_ota(executable, arguments, project_path):
    print("Running ota %s" % " ".join(arguments), flush=True)
    process = subprocess.Popen([executable] + arguments, cwd=project_path)
    while True:
        try:
            status = process.wait()
            return 128 - status if status < 0 else status  # ended by a signal: as a shell would say it
        except KeyboardInterrupt:
            pass  # `ota` got the same Ctrl-C; it says what was done and ends with 130


def _fatal_error(message, ctx):
    """The exception that idf.py prints and turns into exit status 2."""
    try:
        from idf_py_actions.errors import FatalError
    except ImportError:
        print(message, file=sys.stderr)
        return SystemExit(2)
    return FatalError(message, ctx)


def _is_ours(action):
    return getattr(action.get("callback"), "from_esp_ota_toolkit", False)


def _second_load(base_actions, project_path):
    """idf.py up to 5.5 loads a project's extension with `import idf_ext`. With IDF_EXTRA_ACTIONS_PATH that
    name is already taken by this file, and the project's own actions would be missing: pass the call on."""
    own = os.path.join(project_path, "idf_ext.py")
    if not os.path.exists(own) or os.path.samefile(own, __file__):
        return _extension({})
    spec = importlib.util.spec_from_file_location("idf_ext_of_project", own)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.action_extensions(base_actions, project_path)
