"""Simulations for tests: configs, traffic and faults as people write them."""

from gateway.catalogue import BUILT_IN
from gateway.config.document import Document
from gateway.config.parse import parse
from gateway.simulate import Faults, names_of, read_faults, read_written, simulated

SMALL = {"prompt": "an otter", "size": "1024x1024", "quality": "low"}


def openai(name, **more):
    key = f"{name}-not-real"
    return {"name": name, "provider": "openai", "api_key": key, "override_params": {"model": "gpt-image-1"}, **more}


def fallback(*targets, **more):
    return {"strategy": {"mode": "fallback", **more}, "targets": list(targets)}


def balance(*targets, **more):
    return {"strategy": {"mode": "loadbalance", **more}, "targets": list(targets)}


def spec_of(config):
    return parse(Document(data=config, file="test.yaml"), virtual_keys={})


def traffic_of(rate=10.0, arrivals="even", **more):
    return read_written(Document(data={"rate": rate, "arrivals": arrivals, "mix": [{"request": SMALL}], **more}))


def faults_of(spec, **targets):
    return read_faults(Document(data={"targets": targets}), names_of(spec))


def result_of(config, traffic=None, requests=200, seed=1, progress=None, **targets):
    spec = spec_of(config)
    faults = faults_of(spec, **targets) if targets else Faults()
    traffic = traffic or traffic_of()
    return simulated(spec, BUILT_IN, traffic, faults, requests=requests, seed=seed, progress=progress)
