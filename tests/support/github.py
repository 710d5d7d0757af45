"""A GitHub in this process: what branches and pull requests there are, what it was told, and webhooks that it sends."""

import hashlib
import hmac
import json
import re
import urllib.error
import urllib.parse
import urllib.request
import uuid
from urllib.parse import parse_qs, unquote, urlsplit

from support.served import Served

SECRET = "It's a Secret to Everybody"
ZEROS = "0" * 40


def sha(number):
    """A commit."""
    return f"{number:040x}"


class GitHub(Served):
    """One repository and the calls that are made of it."""

    def __init__(self, repository="octo-org/shop"):
        super().__init__()
        self.repository = repository
        self.branches = {"main": sha(1)}
        self.pulls = {}
        self.deployments, self.statuses, self.comments = [], [], {}
        # What people may do, by login; whoever is not named may read.
        self.permissions = {"octocat": "write"}
        self.requests = []
        # A function of the exchange that answers instead; None answers as GitHub does.
        self.instead = None
        self.webhooks = None

    def push(self, branch, commit, tell=True):
        """A branch is made or moved."""
        before = self.branches.get(branch, ZEROS)
        self.branches[branch] = commit
        return self.tell("push", self.push_event(branch, before, commit)) if tell else None

    def delete(self, branch, tell=True):
        """A branch is deleted."""
        before = self.branches.pop(branch)
        return self.tell("push", self.push_event(branch, before, ZEROS)) if tell else None

    def push_event(self, branch, before, after):
        """A push as GitHub describes it."""
        return {
            "ref": f"refs/heads/{branch}",
            "before": before,
            "after": after,
            "created": before == ZEROS,
            "deleted": after == ZEROS,
            "forced": False,
            "head_commit": None if after == ZEROS else {"id": after, "message": "work"},
            "commits": [],
            "repository": self.described(),
            "sender": {"login": "octocat", "type": "User"},
        }

    def open(self, number, branch, commit, tell=True, **more):
        """A pull request is opened, or moved."""
        action = "synchronize" if number in self.pulls else "opened"
        repo = {"id": 1, "full_name": self.repository}
        self.pulls[number] = {
            "number": number,
            "state": "open",
            "draft": False,
            "labels": [],
            "user": {"login": "octocat", "type": "User"},
            "head": {"ref": branch, "sha": commit, "repo": repo},
            "base": {"ref": "main", "sha": self.branches["main"], "repo": repo},
        } | more
        return self.tell("pull_request", self.pull_event(action, number)) if tell else None

    def close(self, number, tell=True):
        """A pull request is closed."""
        event = self.pull_event("closed", number)
        del self.pulls[number]
        return self.tell("pull_request", event) if tell else None

    def pull_event(self, action, number):
        """An event of a pull request as GitHub describes it."""
        sender = {"login": "octocat", "type": "User"}
        return {
            "action": action,
            "number": number,
            "pull_request": self.pulls[number],
            "repository": self.described(),
            "sender": sender,
        }

    def say(self, number, text, who="octocat", association="MEMBER", **more):
        """Somebody comments on a pull request, and a webhook says so."""
        comment = {"body": text, "author_association": association, "user": {"login": who, "type": "User"}}
        issue = {"number": number, "pull_request": {}}
        event = {"action": "created", "issue": issue, "comment": comment, "repository": self.described()}
        return self.tell("issue_comment", event, **more)

    def described(self):
        """The repository."""
        return {"id": 1, "full_name": self.repository, "name": self.repository.split("/")[1], "default_branch": "main"}

    def tell(self, event, payload, secret=SECRET, delivery=None, form=False):
        """Sends a webhook, and returns the status of its answer."""
        body = json.dumps(payload).encode()
        kind = "application/json"
        if form:
            body, kind = urllib.parse.urlencode({"payload": body}).encode(), "application/x-www-form-urlencoded"
        headers = {
            "Content-Type": kind,
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": delivery or str(uuid.uuid4()),
            "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
        }
        request = urllib.request.Request(f"{self.webhooks}/webhooks/github", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def serve(self, exchange):
        """Answers the API."""
        self.requests.append((exchange.command, exchange.path))
        if self.instead and self.instead(exchange):
            return
        address = urlsplit(exchange.path)
        path = unquote(address.path).removeprefix(f"/repos/{self.repository}")
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        answer = getattr(self, f"on_{exchange.command.lower()}")(path, query, exchange)
        if answer is None:
            self.reply(exchange, 404, {"message": "Not Found"})

    do_json = {"Content-Type": "application/json; charset=utf-8"}

    def reply(self, exchange, status, document, **headers):
        """Answers with JSON."""
        exchange.reply(status, json.dumps(document).encode(), self.do_json | headers)
        return True

    def on_get(self, path, query, exchange):
        """What is read."""
        if path == "":
            return self.reply(exchange, 200, self.described())
        if path == "/branches":
            return self.page(exchange, query, [self.branch(name) for name in sorted(self.branches)])
        if path == "/pulls":
            return self.page(exchange, query, list(self.pulls.values()))
        if (found := re.fullmatch(r"/branches/(.+)", path)) and found[1] in self.branches:
            return self.reply(exchange, 200, self.branch(found[1]))
        if (found := re.fullmatch(r"/pulls/(\d+)", path)) and int(found[1]) in self.pulls:
            return self.reply(exchange, 200, self.pulls[int(found[1])])
        if found := re.fullmatch(r"/collaborators/([^/]+)/permission", path):
            role = self.permissions.get(found[1], "read")
            return self.reply(exchange, 200, {"permission": role, "role_name": role, "user": {"login": found[1]}})
        if path == "/deployments":
            return self.page(exchange, query, list(reversed(self.deployments)))
        if found := re.fullmatch(r"/issues/(\d+)/comments", path):
            mine = [comment for comment in self.comments.values() if comment["issue"] == int(found[1])]
            return self.page(exchange, query, mine)
        return None

    def on_post(self, path, query, exchange):
        """What is made."""
        body = json.loads(exchange.body)
        if path == "/deployments":
            self.deployments.append({"id": len(self.deployments) + 1, "sha": body["ref"]} | body)
            return self.reply(exchange, 201, self.deployments[-1])
        if found := re.fullmatch(r"/deployments/(\d+)/statuses", path):
            self.statuses.append({"id": len(self.statuses) + 1, "deployment": int(found[1])} | body)
            return self.reply(exchange, 201, self.statuses[-1])
        if found := re.fullmatch(r"/issues/(\d+)/comments", path):
            number = len(self.comments) + 1
            self.comments[number] = {"id": number, "issue": int(found[1]), "body": body["body"]}
            return self.reply(exchange, 201, self.comments[number])
        return None

    def on_patch(self, path, query, exchange):
        """What is changed."""
        if (found := re.fullmatch(r"/issues/comments/(\d+)", path)) and int(found[1]) in self.comments:
            self.comments[int(found[1])]["body"] = json.loads(exchange.body)["body"]
            return self.reply(exchange, 200, self.comments[int(found[1])])
        return None

    def branch(self, name):
        """A branch."""
        return {"name": name, "commit": {"sha": self.branches[name]}, "protected": False}

    def page(self, exchange, query, items):
        """A page of a list, with a link to the next."""
        size, number = int(query.get("per_page", 30)), int(query.get("page", 1))
        headers = {}
        if len(items) > size * number:
            base = f"{self.url}{urlsplit(exchange.path).path}"
            headers["Link"] = f'<{base}?per_page={size}&page={number + 1}>; rel="next"'
        return self.reply(exchange, 200, items[size * (number - 1) : size * number], **headers)
