#!/usr/bin/env python3
"""Tests of the scripts and deployment files, with nothing but the standard library.

Each test has a home of its own. What needs a container engine is in test-deploy.sh.
"""

import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[1]
COMPOSE_FILES = ("docker-compose.yml", "docker-compose-registry-only.yml")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


class InAHome(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name)
        self.data = self.home / "mcp-gateway"

    def run_script(self, name, *arguments, status=0, **extra):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home)} | extra
        done = subprocess.run([str(ROOT / "scripts" / name), *arguments], env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr


class MakeEnv(InAHome):
    def make_env(self, before=None, status=0):
        self.env_file = self.home / "settings.env"
        if before is not None:
            self.env_file.write_text(before)
        return self.run_script("make-env.sh", ENV_FILE=str(self.env_file), status=status)

    def values(self):
        return dict(line.split("=", 1) for line in self.env_file.read_text().splitlines() if "=" in line)

    def test_generates_what_is_missing_and_prints_no_secret(self):
        printed = self.make_env()
        values = self.values()
        self.assertGreaterEqual(len(values["ADMIN_PASSWORD"]), 32)
        self.assertGreaterEqual(len(values["REGISTRY_API_TOKEN"]), 64)
        self.assertNotEqual(values["MCP_UID"], "0")
        self.assertNotIn(values["ADMIN_PASSWORD"], printed)
        self.assertNotIn(values["REGISTRY_API_TOKEN"], printed)
        self.assertEqual(mode(self.env_file), 0o600)

    def test_keeps_what_is_there_and_changes_nothing_the_second_time(self):
        self.make_env('# mine\nexport ADMIN_PASSWORD="keep me"\nSECRET_KEY=abc')
        first = self.env_file.read_text()
        self.assertIn('ADMIN_PASSWORD="keep me"', first)
        self.assertEqual(first.count("ADMIN_PASSWORD"), 1)
        self.assertIn("\nSECRET_KEY=abc\n", first)
        self.make_env()
        self.assertEqual(self.env_file.read_text(), first)

    def test_takes_the_older_name_of_the_token_over(self):
        self.make_env("GATEWAY_TOKEN=0123456789abcdef0123456789abcdef\n")
        self.assertEqual(self.values()["REGISTRY_API_TOKEN"], "0123456789abcdef0123456789abcdef")

    def test_makes_folders_and_copies_definitions_without_overwriting(self):
        (self.data / "servers").mkdir(parents=True)
        (self.data / "servers" / "fininfo.json").write_text("{}")
        self.make_env()
        self.assertEqual((self.data / "servers" / "fininfo.json").read_text(), "{}")
        self.assertTrue((self.data / "servers" / "currenttime.json").is_file())
        for folder in ("registry", "gateway", "auth-server"):
            self.assertEqual(mode(self.data / folder), 0o700)

    def test_sets_all_that_the_compose_files_demand(self):
        self.make_env()
        for name in COMPOSE_FILES:
            demanded = set(re.findall(r"\$\{(\w+):\?", (ROOT / name).read_text()))
            self.assertTrue(demanded)
            self.assertLessEqual(demanded, set(self.values()), name)


class GenerateCertificates(InAHome):
    def test_writes_a_p256_pair_with_names_and_modes(self):
        printed = self.run_script("generate-ssl-certs.sh", "registry.example.com", "10.1.2.3")
        cert, key = self.data / "ssl" / "cert.pem", self.data / "ssl" / "key.pem"
        self.assertIn(f"  Certificate: {cert}", printed)
        self.assertIn(f"  Private Key: {key}", printed)
        self.assertEqual((mode(cert), mode(key)), (0o644, 0o600))
        text = subprocess.run(["openssl", "x509", "-in", str(cert), "-noout", "-text"], capture_output=True, text=True, check=True).stdout
        for wanted in ("prime256v1", "DNS:localhost", "IP Address:127.0.0.1", "DNS:registry.example.com", "IP Address:10.1.2.3"):
            self.assertIn(wanted, text)
        self.assertEqual(sorted(path.name for path in cert.parent.iterdir()), ["cert.pem", "key.pem"])

    def test_replaces_existing_files_only_when_forced(self):
        self.run_script("generate-ssl-certs.sh")
        before = (self.data / "ssl" / "key.pem").read_text()
        self.assertIn("--force", self.run_script("generate-ssl-certs.sh", status=1))
        self.assertEqual((self.data / "ssl" / "key.pem").read_text(), before)
        self.run_script("generate-ssl-certs.sh", "--force")
        self.assertNotEqual((self.data / "ssl" / "key.pem").read_text(), before)


class BuildAndPush(InAHome):
    STUB = '#!/bin/sh\necho "$(basename "$0") $*" >> "$CALLS"\ncase "$*" in\n' \
           "  'sts get-caller-identity'*) echo 123456789012 ;;\n  *describe-repositories*) exit ${DESCRIBE:-0} ;;\nesac\ncat >/dev/null 2>&1 </dev/null\n"

    def push(self, which, **extra):
        tree = self.home / "tree"
        (tree / "scripts").mkdir(parents=True)
        for name in ("build-and-push.sh", f"build-and-push-{which}.sh"):
            shutil.copy(ROOT / "scripts" / name, tree / "scripts" / name)
        shutil.copy(ROOT / "Cargo.toml", tree / "Cargo.toml")
        stubs = self.home / "bin"
        stubs.mkdir()
        for tool in ("aws", "docker"):
            (stubs / tool).write_text(self.STUB)
            (stubs / tool).chmod(0o755)
        calls = self.home / "calls"
        env = {"PATH": f"{stubs}:{os.environ['PATH']}", "HOME": str(self.home), "CALLS": str(calls)} | extra
        subprocess.run([str(tree / "scripts" / f"build-and-push-{which}.sh")], env=env, check=True, capture_output=True, stdin=subprocess.DEVNULL)
        return calls.read_text(), (tree / "scripts" / f".{which}_container_uri").read_text()

    def test_pushes_latest_and_the_version_and_saves_the_uri(self):
        version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
        calls, uri = self.push("gateway")
        base = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mcp-gateway"
        self.assertEqual(uri, f"{base}:latest\n")
        self.assertIn(f"docker push {base}:latest", calls)
        self.assertIn(f"docker push {base}:{version}", calls)
        self.assertIn("docker/Dockerfile.gateway", calls)
        self.assertNotIn("create-repository", calls)

    def test_creates_a_missing_repository_in_the_region_asked_for(self):
        calls, uri = self.push("registry", AWS_REGION="eu-west-1", DESCRIBE="1")
        self.assertIn("aws ecr create-repository --repository-name mcp-registry --region eu-west-1", calls)
        self.assertIn(".eu-west-1.amazonaws.com/mcp-registry:latest", uri)
        self.assertIn("docker/Dockerfile.registry-only", calls)


class Files(unittest.TestCase):
    IGNORED = ("*.pem", "*.crt", "*.key", "*.p12", ".env", ".env.local", ".env.production",
               "scripts/.gateway_container_uri", "scripts/.registry_container_uri", "reports/")

    def test_secrets_are_ignored_by_git_and_by_image_builds(self):
        git = (ROOT / ".gitignore").read_text().splitlines()
        docker = (ROOT / ".dockerignore").read_text().splitlines()
        for line in self.IGNORED:
            self.assertTrue(line in git, f".gitignore lacks {line}")
            self.assertTrue(line in docker or f"**/{line}" in docker, f".dockerignore lacks {line}")

    def test_definitions_point_at_services_of_the_compose_file(self):
        compose = (ROOT / "docker-compose.yml").read_text()
        definitions = sorted((ROOT / "docker" / "servers").glob("*.json"))
        self.assertTrue(definitions)
        for path in definitions:
            definition = json.loads(path.read_text())
            self.assertEqual(definition["path"], f"/{path.stem}")
            host, port = re.fullmatch(r"http://([a-z-]+):(\d+)/", definition["proxy_pass_url"]).groups()
            self.assertIn(f"\n  {host}:\n", compose)
            self.assertRegex(compose, rf"container_name: mcp-{host}\n(?:.*\n){{1,4}}?.*:{port}\"")

    def test_compose_files_keep_names_ports_and_health_checks(self):
        for name in COMPOSE_FILES:
            text = (ROOT / name).read_text()
            self.assertIn("container_name: mcp-registry", text)
            self.assertIn('"/usr/bin/mcp", "health"', text)
            self.assertIn("\nnetworks:\n  mcp-network:\n", text)
            self.assertIn("${REGISTRY_PORT:-7860}:7860\"", text)
        self.assertNotIn("mcp-gateway:latest", (ROOT / COMPOSE_FILES[1]).read_text())

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_units_are_well_formed_and_confined(self):
        units = ROOT / "docker" / "systemd"
        for unit in sorted(units.glob("*.service")):
            done = subprocess.run(["systemd-analyze", "security", "--offline=true", str(unit)], capture_output=True, text=True)
            score = float(re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)[1])
            self.assertLessEqual(score, 1.5, unit.name)
        with tempfile.TemporaryDirectory() as folder:
            for unit in units.glob("*.s*"):
                text = unit.read_text().replace("/usr/bin/mcp ", f"{shutil.which('true')} ")
                (pathlib.Path(folder) / unit.name).write_text(text)
            paths = sorted(str(path) for path in pathlib.Path(folder).iterdir())
            done = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, env=os.environ | {"SYSTEMD_UNIT_PATH": f"{folder}:"})
            self.assertEqual((done.returncode, done.stderr.strip()), (0, ""))

    def test_scripts_are_executable_and_parse(self):
        for script in [*(ROOT / "scripts").glob("*.sh"), ROOT / ".ci" / "run", ROOT / "docker" / "build-binary.sh", ROOT / "tests" / "clients" / "run.sh"]:
            subprocess.run(["bash", "-n", str(script)], check=True)
            if script.name != "lib.sh":
                self.assertTrue(os.access(script, os.X_OK), f"{script} is not executable")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
