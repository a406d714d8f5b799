"""The loops that the README shows for JAX with optax, and for Keras."""

import os

import autowu
import pytest
import tasks


def test_the_loop_for_jax_and_optax():
    jax = pytest.importorskip("jax")
    optax = pytest.importorskip("optax")
    jnp = jax.numpy
    keys = jax.random.split(jax.random.key(0), 2)
    params = {
        "a": jax.random.normal(keys[0], (2, 32)),
        "b": jnp.zeros(32),
        "c": jax.random.normal(keys[1], (32, 2)) / 6,
    }

    def loss_fn(params, x, y):
        logits = jax.nn.relu(x @ params["a"] + params["b"]) @ params["c"]
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    s = autowu.AutoWU(600)
    optimizer = optax.inject_hyperparams(optax.adam)(learning_rate=s.lr)
    state = optimizer.init(params)
    value_and_grad, update = jax.jit(jax.value_and_grad(loss_fn)), jax.jit(optimizer.update)
    words, losses = [], []
    for x, y in tasks.batches(600):
        loss, grads = value_and_grad(params, x.numpy(), y.numpy())
        state.hyperparams["learning_rate"] = jnp.asarray(s.lr)
        r = s.step(float(loss))
        if r.event == "snapshot":
            kept = params, state  # arrays are immutable; copy them if you donate buffers
        if r.event == "restore":
            params, state = kept
        elif not r.skips_update:
            updates, state = update(grads, state, params)
            params = optax.apply_updates(params, updates)
        words.append(r.event)
        losses.append(float(loss))
    assert words.count("restore") >= 1 and sum(losses[-20:]) / 20 < 0.15


def test_the_loop_for_keras():
    os.environ["KERAS_BACKEND"] = "torch"
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(2)]
    )
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)

    s = autowu.AutoWU(400)
    words, losses = [], []
    for x, y in tasks.batches(400):
        model.zero_grad()
        loss = loss_fn(y, model(x, training=True))
        loss.backward()
        optimizer.learning_rate = s.lr
        r = s.step(float(loss))
        variables = model.variables + optimizer.variables
        if r.event == "snapshot":
            kept = [keras.ops.convert_to_numpy(v).copy() for v in variables]
        if r.event == "restore":
            for variable, value in zip(variables, kept):
                variable.assign(value)
        elif not r.skips_update:
            weights = model.trainable_weights
            optimizer.apply([w.value.grad for w in weights], weights)
        words.append(r.event)
        losses.append(float(loss))
    assert words.count("restore") >= 1 and sum(losses[-20:]) / 20 < 0.25
