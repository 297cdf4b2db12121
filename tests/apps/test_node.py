"""Node apps: which base, what starts, what is installed; and how to get out of what nosh does not do."""

import json

import pytest
from tests.apps.conftest import Make

from nosh.apps import node
from nosh.apps.plan import Choice, NpmInstall, Plan
from nosh.recipes import catalogue
from nosh.values.errors import InputError

Document = dict[str, object]
VERSIONS = [next(iter(catalogue.find(f"nodejs{major}").level.upstream)).version for major in sorted(node.MAJORS)]


def plan(make: Make, manifest: Document, files: dict[str, str] | None = None) -> Plan:
    return node.plan(make({"package.json": json.dumps(manifest), **({"index.js": ""} if files is None else files)}))


def refusal(make: Make, manifest: Document, files: dict[str, str] | None = None) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        plan(make, manifest, files)
    return caught.value.message, caught.value.hint


def choice(found: Plan, what: str) -> Choice:
    return next(one for one in found.choices if one.what == what)


def test_the_majors_are_those_of_the_catalogue_the_newest_first() -> None:
    names = [name for name in catalogue.names() if name.startswith("nodejs")]
    assert [f"nodejs{major}" for major in node.MAJORS] == sorted(names, reverse=True)


@pytest.mark.parametrize(
    ("wanted", "base"),
    [
        ("22", "nodejs22"),
        ("22.x", "nodejs22"),
        ("22.*", "nodejs22"),
        ("v22", "nodejs22"),
        ("=22", "nodejs22"),
        ("^22", "nodejs22"),
        ("^ 22", "nodejs22"),
        ("^22.1.0", "nodejs22"),
        ("~22", "nodejs22"),
        ("~> 20", "nodejs20"),
        ("20.x.x", "nodejs20"),
        (">=20", "nodejs24"),
        (">= 20", "nodejs24"),
        (">=v20.1.0", "nodejs24"),
        (">=20.0.0-rc.1", "nodejs24"),
        (">20", "nodejs24"),
        (">=18.0.0 <23.0.0", "nodejs22"),
        (">= 18.0.0 < 23.0.0", "nodejs22"),
        ("<23", "nodejs22"),
        ("<=22", "nodejs22"),
        (">=18 <22.5", "nodejs20"),
        ("18 - 22", "nodejs22"),
        ("18 || 20", "nodejs20"),
        ("18.x||20.x", "nodejs20"),
        ("^20 || ^22 || ^24", "nodejs24"),
        ("*", "nodejs24"),
        ("x", "nodejs24"),
        (" 22 ", "nodejs22"),
    ],
)
def test_the_base_is_the_newest_that_engines_takes(make: Make, wanted: str, base: str) -> None:
    found = plan(make, {"engines": {"node": wanted}})
    assert found.base == base
    assert choice(found, "base") == Choice("base", base, f"engines.node is {wanted!r}")


@pytest.mark.parametrize("engines", [None, {}, {"npm": "10"}, {"node": ""}, "22", ["node >= 22"], {"node": 22}])
def test_without_engines_the_newest_is_taken(make: Make, engines: object) -> None:
    found = plan(make, {"engines": engines})
    assert found.base == "nodejs24"
    assert "package.json has no engines.node" in choice(found, "base").why


@pytest.mark.parametrize("wanted", ["^4", "16", ">=26", "~22.3", "23"])
def test_an_engine_that_the_catalogue_lacks_is_refused_with_the_way_out(make: Make, wanted: str) -> None:
    message, hint = refusal(make, {"engines": {"node": wanted}})
    assert f"engines.node is {wanted!r}, and the catalogue has Node {', '.join(VERSIONS)}" in message
    assert 'base = "nodejs24" below [app] in nosh.toml' in hint


@pytest.mark.parametrize("version", VERSIONS)
def test_the_exact_version_that_the_catalogue_has_is_taken(make: Make, version: str) -> None:
    assert plan(make, {"engines": {"node": version}}).base == f"nodejs{version.partition('.')[0]}"


def test_scripts_around_the_start_are_warned_of(make: Make) -> None:
    found = plan(make, {"scripts": {"prestart": "node migrate.js", "start": "node index.js"}})
    assert [warning for warning in found.warnings if "scripts.prestart" in warning]


@pytest.mark.parametrize("wanted", ["latest", "lts/*", "twenty", ">=", "20 ||| 22"])
def test_a_range_that_cannot_be_read_is_refused(make: Make, wanted: str) -> None:
    message, _ = refusal(make, {"engines": {"node": wanted}})
    assert f"cannot read engines.node {wanted!r}" in message


def test_settings_go_over_what_was_detected(make: Make) -> None:
    settings = """
[app]
name = "shop"
base = "cc"
command = ["tool", "-x"]
workdir = "/srv"
user = "7"
env = { NODE_ENV = "test", B = "2" }
labels = { "org.opencontainers.image.title" = "Shop" }
ports = [80]
"""
    manifest: Document = {"name": "x", "scripts": {"start": "A=1 node index.js | tee log"}, "engines": {"node": "^4"}}
    found = plan(make, manifest, {"nosh.toml": settings, "index.js": ""})
    assert (found.name, found.base, found.cmd, found.root, found.user) == ("shop", "cc", ("tool", "-x"), "/srv", "7")
    assert (dict(found.env), found.ports) == ({"NODE_ENV": "test", "B": "2"}, (80,))
    assert found.labels == {"org.opencontainers.image.title": "Shop"}
    assert [one.why for one in found.choices] == ["base in nosh.toml", "command in nosh.toml"]


@pytest.mark.parametrize(
    ("manifest", "files", "cmd", "why"),
    [
        pytest.param({}, ["index.js"], ["index.js"], "Node's default", id="index.js"),
        pytest.param({}, ["index.js", "server.js"], ["server.js"], "npm's default", id="server.js goes first"),
        pytest.param({"main": "a.js"}, ["a.js", "server.js"], ["a.js"], "main", id="main"),
        pytest.param({"main": "./a.js"}, ["a.js"], ["a.js"], "main", id="main with a dot"),
        pytest.param({"main": "a"}, ["a.js"], ["a.js"], "main", id="main without its end"),
        pytest.param({"main": "lib"}, ["lib/index.js"], ["lib/index.js"], "main", id="main is a folder"),
        pytest.param({"main": "./lib/"}, ["lib/index.js"], ["lib/index.js"], "main", id="main is a folder, with a slash"),
        pytest.param({"main": "no.js"}, ["index.js"], ["index.js"], "Node's default", id="main is not there"),
        pytest.param({"main": 7}, ["index.js"], ["index.js"], "Node's default", id="main is no text"),
        pytest.param({"main": "../a.js"}, ["index.js"], ["index.js"], "Node's default", id="main outside"),
        pytest.param({"scripts": {"start": ""}}, ["index.js"], ["index.js"], "Node's default", id="an empty script"),
    ],
)  # fmt: skip
def test_what_starts_is_found(make: Make, manifest: Document, files: list[str], cmd: list[str], why: str) -> None:
    found = plan(make, manifest, dict.fromkeys(files, ""))
    assert list(found.cmd) == cmd
    assert why in choice(found, "start").why
    assert choice(found, "start").value == f"node {cmd[0]}"


@pytest.mark.parametrize(
    ("script", "cmd", "env"),
    [
        ("node a.js", ["a.js"], {}),
        ("node ./a.js", ["./a.js"], {}),
        ("node a", ["a"], {}),
        ("node lib", ["lib"], {}),
        ("node .", ["."], {}),
        ("  node   a.js  ", ["a.js"], {}),
        ("node a.js --port 3000", ["a.js", "--port", "3000"], {}),
        ("node a.js 'two words'", ["a.js", "two words"], {}),
        ('node "a.js"', ["a.js"], {}),
        ("node --max-old-space-size=512 a.js", ["--max-old-space-size=512", "a.js"], {}),
        ("node -r dotenv/config a.js", ["-r", "dotenv/config", "a.js"], {}),
        ("node --import ./lib/index.js a.js", ["--import", "./lib/index.js", "a.js"], {}),
        ("node --version", ["--version"], {}),
        ("NODE_ENV=staging node a.js", ["a.js"], {"NODE_ENV": "staging"}),
        ("A=1 B='x y' C= node a.js", ["a.js"], {"A": "1", "B": "x y", "C": ""}),
        ("node a.js A=1", ["a.js", "A=1"], {}),
        ("node current/a.js", ["current/a.js"], {}),
    ],
)
def test_a_start_script_of_node_alone_needs_no_shell(
    make: Make, script: str, cmd: list[str], env: dict[str, str]
) -> None:
    files = {"a.js": "", "lib/index.js": "", "releases/1/a.js": "", "current": "-> releases/1"}
    found = plan(make, {"main": "a.js", "scripts": {"start": script}}, files)
    assert list(found.cmd) == cmd
    assert dict(found.env) == {"NODE_ENV": "production", **env}
    assert choice(found, "start").why == "scripts.start in package.json"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("node a.js && echo", "needs a shell for '&'"),
        ("node a.js | tee log", "needs a shell for '|'"),
        ("node a.js; true", "needs a shell for ';'"),
        ("node a.js > log", "needs a shell for '>'"),
        ("node a.js < in", "needs a shell for '<'"),
        ("node $FILE", "needs a shell for '$'"),
        ("node `which a`", "needs a shell for '`'"),
        ("node *.js", "needs a shell for '*'"),
        ("node a?.js", "needs a shell for '?'"),
        ("node [ab].js", "needs a shell for '['"),
        ("(node a.js)", "needs a shell for '('"),
        ("node {a,b}.js", "needs a shell for '{'"),
        ("node ~/a.js", "needs a shell for '~'"),
        ("node a.js # comment", "needs a shell for '#'"),
        ("! node a.js", "needs a shell for '!'"),
        ("node a.js\nnode b.js", "needs a shell for 'its second line'"),
        ("node 'a.js", "cannot read scripts.start"),
        ("node", "only the form `node FILE`"),
        ("A=1", "only the form `node FILE`"),
        ("next start", "only the form `node FILE`"),
        ("npm run serve", "only the form `node FILE`"),
        ("cross-env A=1 node a.js", "only the form `node FILE`"),
        ("/usr/bin/node a.js", "only the form `node FILE`"),
        ("nodemon a.js", "only the form `node FILE`"),
    ],
)
def test_a_script_for_a_shell_is_refused_with_the_way_out(make: Make, script: str, reason: str) -> None:
    message, hint = refusal(make, {"scripts": {"start": script}}, {"a.js": ""})
    assert reason in message
    assert 'in nosh.toml: [app] command = ["FILE", "ARGUMENT"]' in hint


@pytest.mark.parametrize(
    ("script", "files", "message"),
    [
        pytest.param("node b.js", {"a.js": ""}, "there is no file b.js", id="not there"),
        pytest.param("node dist/a.js", {"dist/a.js": "", ".dockerignore": "dist"}, "no file dist/a.js", id="ignored"),
        pytest.param("node ../a.js", {"a.js": ""}, "there is no file ../a.js", id="outside"),
        pytest.param("node -r x y.js", {"a.js": ""}, "there is no file x or y.js", id="an option before it"),
        pytest.param("node .", {"a.js": ""}, "there is no file .", id="a folder without an index"),
        pytest.param("node node_modules/x/y", {"node_modules/x/y": ""}, "no file node_modules", id="not installed"),
    ],
)
def test_a_program_that_the_image_will_not_have_is_refused(
    make: Make, script: str, files: dict[str, str], message: str
) -> None:
    found, hint = refusal(make, {"scripts": {"start": script}}, files)
    assert message in found
    assert ".dockerignore" in hint


def test_nothing_to_start_is_refused_with_the_way_out(make: Make) -> None:
    message, hint = refusal(make, {"name": "x"}, {"a.js": ""})
    assert "nothing says what to start" in message
    assert '"start": "node FILE"' in hint
    assert 'command = ["FILE"]' in hint


def lock(packages: Document, version: object = 3) -> dict[str, str]:
    document = {"lockfileVersion": version, "packages": {"": {"name": "x"}, **packages}}
    return {"package-lock.json": json.dumps(document), "index.js": ""}


DEPENDENCIES: Document = {"dependencies": {"a": "1"}}


@pytest.mark.parametrize(
    ("packages", "install"),
    [
        pytest.param({"node_modules/a": {}}, NpmInstall("package-lock.json", 1), id="one package"),
        pytest.param(
            {
                "node_modules/a": {},
                "node_modules/a/node_modules/b": {},
                "node_modules/d": {"dev": True},
                "node_modules/e": {"dev": True, "optional": True, "hasInstallScript": True},
                "node_modules/@x/f": {"optional": True},
                "node_modules/g": {"devOptional": True},
            },
            NpmInstall("package-lock.json", 4),
            id="what is for development only is not counted",
        ),
        pytest.param(
            {
                "node_modules/z": {"version": "2.0.0", "hasInstallScript": True},
                "node_modules/a/node_modules/@x/y": {"version": "1.0.0", "hasInstallScript": True},
                "node_modules/n": {"hasInstallScript": False},
            },
            NpmInstall("package-lock.json", 3, ("@x/y 1.0.0", "z 2.0.0")),
            id="scripts that are not run are named",
        ),
        pytest.param(
            {"packages/w": {"version": "1.0.0"}, "node_modules/w": {"resolved": "packages/w", "link": True}},
            NpmInstall("package-lock.json", 1, (), everything=True),
            id="a workspace needs the whole project",
        ),
        pytest.param({}, NpmInstall("package-lock.json", 0), id="a lock that does not know the dependencies is for npm"),
    ],
)  # fmt: skip
def test_the_lock_says_what_is_installed(make: Make, packages: Document, install: NpmInstall) -> None:
    found = plan(make, DEPENDENCIES, lock(packages))
    assert found.install == install
    assert len(found.warnings) == len(install.scripts)
    for script, warning in zip(install.scripts, found.warnings, strict=True):
        assert warning.startswith(f"{script} wants to run a script")


def test_the_lock_for_publishing_goes_first(make: Make) -> None:
    shrinkwrap = {"npm-shrinkwrap.json": json.dumps({"lockfileVersion": 2, "packages": {"node_modules/b": {}}})}
    found = plan(make, DEPENDENCIES, {**lock({}), **shrinkwrap})
    assert found.install == NpmInstall("npm-shrinkwrap.json", 1)


@pytest.mark.parametrize(
    ("manifest", "files"),
    [
        pytest.param({}, {}, id="no dependencies"),
        pytest.param({"dependencies": {}}, {}, id="an empty list"),
        pytest.param({"devDependencies": {"a": "1"}}, {}, id="for development only"),
        pytest.param({"devDependencies": {"a": "1"}}, lock({"node_modules/a": {"dev": True}}), id="also in the lock"),
    ],
)
def test_without_dependencies_nothing_is_installed(make: Make, manifest: Document, files: dict[str, str]) -> None:
    assert plan(make, manifest, {**files, "index.js": ""}).install is None


@pytest.mark.parametrize("key", ["dependencies", "optionalDependencies"])
def test_dependencies_without_a_lock_are_refused_with_the_way_out(make: Make, key: str) -> None:
    message, hint = refusal(make, {key: {"a": "1"}})
    assert "it has dependencies but no lock file" in message
    assert "npm install --package-lock-only" in hint


@pytest.mark.parametrize("version", [1, None, "3", True, 0])
def test_a_lock_of_an_old_version_is_refused_with_the_way_out(make: Make, version: object) -> None:
    message, hint = refusal(make, DEPENDENCIES, lock({}, version))
    assert f"package-lock.json has version {version!r}, and nosh reads 2 and newer" in message
    assert "npm install --package-lock-only" in hint


@pytest.mark.parametrize(
    ("name", "tool"), [("yarn.lock", "yarn"), ("pnpm-lock.yaml", "pnpm"), ("bun.lock", "bun"), ("bun.lockb", "bun")]
)
def test_locks_of_other_tools_are_refused_unless_npm_has_one(make: Make, name: str, tool: str) -> None:
    app = make({"package.json": json.dumps(DEPENDENCIES), "index.js": "", name: ""})
    with pytest.raises(InputError, match=f"it is locked by {tool} \\({name}\\)") as caught:
        node.plan(app)
    assert "npm lock as well" in caught.value.hint
    app.path("package-lock.json").write_text(lock({"node_modules/a": {}})["package-lock.json"])
    assert node.plan(app).install == NpmInstall("package-lock.json", 1)


def test_a_program_of_a_dependency_may_be_started(make: Make) -> None:
    files = lock({"node_modules/a": {}})
    found = plan(make, {**DEPENDENCIES, "scripts": {"start": "node node_modules/a/cli.js serve"}}, files)
    assert list(found.cmd) == ["node_modules/a/cli.js", "serve"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "package.json:1:2: Expecting property name"),
        ('{"a": 1,\n "b" 2}', "package.json:2:6: Expecting ':' delimiter (not valid JSON)"),
        ("[]", "package.json:1:1: it has to be a JSON object"),
        ("", "package.json:1:1: Expecting value"),
    ],
)
def test_a_package_json_that_cannot_be_read_has_a_place(make: Make, text: str, message: str) -> None:
    app = make({"package.json": text})
    with pytest.raises(InputError) as caught:
        node.plan(app)
    assert message in caught.value.message


def test_a_lock_that_cannot_be_read_has_a_place(make: Make) -> None:
    message, _ = refusal(make, DEPENDENCIES, {"package-lock.json": "{]", "index.js": ""})
    assert "package-lock.json:1:2:" in message


@pytest.mark.parametrize(
    ("repository", "source"),
    [
        ("https://example.org/u/r", "https://example.org/u/r"),
        ("git+https://example.org/u/r.git", "https://example.org/u/r"),
        ("u/r", "https://github.com/u/r"),
        ("github:u/r", "https://github.com/u/r"),
        ({"type": "git", "url": "git+https://example.org/u/r.git"}, "https://example.org/u/r"),
        ({"type": "git"}, None),
        ("", None),
        (7, None),
    ],
)
def test_the_source_of_the_labels_is_the_repository(make: Make, repository: object, source: str | None) -> None:
    labels = plan(make, {"repository": repository}).labels
    assert labels.get("org.opencontainers.image.source") == source


def test_labels_name_and_version_come_from_package_json(make: Make) -> None:
    manifest: Document = {"name": "@me/Shop", "version": "1.2.3", "description": "sells", "license": "MIT"}
    found = plan(make, manifest)
    assert (found.name, found.version) == ("shop", "1.2.3")
    assert found.labels == {
        "org.opencontainers.image.title": "@me/Shop",
        "org.opencontainers.image.version": "1.2.3",
        "org.opencontainers.image.description": "sells",
        "org.opencontainers.image.licenses": "MIT",
    }


@pytest.mark.parametrize(
    ("name", "image"), [("a", "a"), ("@scope/pkg", "pkg"), ("Big_Name.js", "big-name-js"), ("", "my-app"), ("__", "my-app")]
)  # fmt: skip
def test_the_image_has_a_name_that_registries_take(make: Make, name: str, image: str) -> None:
    assert plan(make, {"name": name}).name == image
