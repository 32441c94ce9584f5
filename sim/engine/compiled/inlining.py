"""A pipeline of numba for functions that compiled code alone calls, and that are inlined there.

numba gives every function machine code of its own, even one that is always inlined and never runs
by itself. This pipeline stops before: a function is typed and lowered as always, and its callers
inline it.

It stands on the passes of one version of numba: `sim.engine.compiled.compiler` imports it for that
version alone, and does without it elsewhere.
"""

from __future__ import annotations

from typing import Final

from numba import _dynfunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder, _LowerResult
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.typed_passes import (
    AnnotateTypes,
    IRLegalization,
    NativeLowering,
    NoPythonBackend,
    NoPythonSupportedFeatureValidation,
)

from sim.engine.values import Data

NO_ADDRESS: Final = 0


class _Library(JITCodeLibrary):  # type: ignore[misc]
    """Code that others link; it is not handed to the execution engine.

    It is optimised where it ends up: here it would be once more for every function around it.
    """

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):  # type: ignore[misc]
    """Lower a function for its callers, without an address of its own."""

    _name = "lowering_without_machine_code"

    def run_pass(self, state: Data) -> bool:
        context = state.targetctx
        state.library = _Library(context.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        if not state.flags.forceinline:
            name = lowered.fndesc.llvm_func_name
            state.library._final_module.get_function(name).add_function_attribute("noinline")
        # The dispatcher wants a function as the name of an overload; nobody calls it.
        name = _dynfunc.make_function(
            lowered.fndesc.lookup_module(),
            lowered.fndesc.qualname,
            "inlined",
            NO_ADDRESS,
            lowered.env,
            (state.library,),
        )
        context.insert_user_function(name, lowered.fndesc, [state.library])
        state["cr"] = _LowerResult(lowered.fndesc, lowered.call_helper, cfunc=name, env=lowered.env)
        return True


class Inlined(CompilerBase):  # type: ignore[misc]
    """numba's pipeline for compiled functions, up to the form that callers inline."""

    def define_pipelines(self) -> list[Data]:
        """Return the passes."""
        passes = PassManager("inlined")
        for part in (
            DefaultPassBuilder.define_untyped_pipeline(self.state),
            DefaultPassBuilder.define_typed_pipeline(self.state),
        ):
            passes.passes.extend(part.passes)
        passes.add_pass(NoPythonSupportedFeatureValidation, "refuse what compiled code cannot do")
        passes.add_pass(IRLegalization, "make the representation legal")
        passes.add_pass(AnnotateTypes, "annotate types")
        passes.add_pass(_Lowering, "lower")
        passes.add_pass(NoPythonBackend, "give the result")
        passes.finalize()
        return [passes]
