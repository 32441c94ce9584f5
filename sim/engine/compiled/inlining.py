"""A pipeline of numba for functions that compiled code alone calls, and that are inlined there.

numba gives every function machine code of its own, even one that is always inlined and never runs
by itself. This pipeline stops before: a function is typed and lowered as always, and its callers
inline it. It leaves out passes for what the package's rules do not contain (closures, ``with``, array
expressions, unrolling over tuples of several types).

It stands on the passes of one version of numba: `sim.engine.compiled.translation` imports it for that
version alone, and does without it elsewhere.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Final

from numba import _dynfunc, typeof, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, _LowerResult
from numba.core.compiler_machinery import LoweringPass, PassManager, register_pass
from numba.core.funcdesc import PythonFunctionDescriptor
from numba.core.itanium_mangler import mangle
from numba.core.lowering import Lower
from numba.core.typed_passes import (
    AnnotateTypes,
    IRLegalization,
    NoPythonBackend,
    NoPythonSupportedFeatureValidation,
    NopythonTypeInference,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import (
    DeadBranchPrune,
    FixupArgs,
    GenericRewrites,
    IRProcessing,
    ReconstructSSA,
    RewriteDynamicRaises,
    RewriteSemanticConstants,
    TranslateByteCode,
)

from sim.engine.values import Data

NO_ADDRESS: Final = 0
HASH_LENGTH: Final = 16


class _Library(JITCodeLibrary):  # type: ignore[misc]
    """Code that others link; it is not handed to the execution engine.

    It is optimised where it ends up: here it would be once more for every function around it.
    """

    def __init__(self, codegen: Data, name: str) -> None:
        super().__init__(codegen, name)
        self._linking_libraries: dict[Data, None] = {}

    def linked(self) -> tuple[Data, ...]:
        """Return this library and all that it needs.

        Each comes after one of its callers: the linker leaves out what nobody has called so far.
        """
        return (self, *self._linking_libraries)

    def add_linking_library(self, library: Data) -> None:
        """Note that callers have to link a library too."""
        library._ensure_finalized()
        self._linking_libraries[library] = None

    def finalize(self) -> None:
        """Let callers link the functions, as often as they like."""
        self._raise_if_finalized()
        for function in self._final_module.functions:
            if not function.is_declaration:
                function.linkage = "linkonce_odr"
        self._shared_module = self._final_module
        self._finalized = True


@cache
def _hash(of: Data) -> str:
    return hashlib.sha256(str(of).encode()).hexdigest()[:HASH_LENGTH]


def _short_name(
    name: str, arguments: tuple[Data, ...], *, abi_tags: Data = (), uid: Data = None
) -> str:
    """Return the name of a function in machine code.

    numba's own spells the fields of every record, tens of thousands of characters at each call.
    """
    hashed = _hash(tuple(map(_hash, arguments)))
    return str(mangle(f"{name}.{hashed}", (), abi_tags=abi_tags, uid=uid))


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(LoweringPass):  # type: ignore[misc]
    """Lower a function for its callers, without an address of its own."""

    _name = "lowering_without_machine_code"

    def __init__(self) -> None:
        LoweringPass.__init__(self)

    def run_pass(self, state: Data) -> bool:
        context, flags = state.targetctx, state.flags
        state.library = library = _Library(context.codegen(), state.func_id.func_qualname)
        described = PythonFunctionDescriptor.from_specialized_function(
            state.func_ir,
            state.typemap,
            state.return_type,
            state.calltypes,
            mangler=_short_name,
            inline=flags.forceinline,
            noalias=flags.noalias,
            abi_tags=[flags.get_mangle_string()],
        )
        with context.push_code_library(library):
            lower = Lower(context, library, described, state.func_ir, metadata=state.metadata)
            lower.lower()
        if not flags.forceinline:
            name = described.llvm_func_name
            library._final_module.get_function(name).add_function_attribute("noinline")
        # The dispatcher wants a function as the name of an overload; nobody calls it.
        name = _dynfunc.make_function(
            described.lookup_module(),
            described.qualname,
            "inlined",
            NO_ADDRESS,
            lower.env,
            (library,),
        )
        context.insert_user_function(name, described, library.linked())
        state["cr"] = _LowerResult(described, lower.call_helper, cfunc=name, env=lower.env)
        return True


class Inlined(CompilerBase):  # type: ignore[misc]
    """numba's pipeline for compiled functions, up to the form that callers inline."""

    def define_pipelines(self) -> list[Data]:
        """Return the passes."""
        passes = PassManager("inlined")
        passes.add_pass(TranslateByteCode, "analyse bytecode")
        passes.add_pass(FixupArgs, "number the arguments")
        passes.add_pass(IRProcessing, "process the representation")
        passes.add_pass(RewriteSemanticConstants, "insert constants")
        passes.add_pass(DeadBranchPrune, "prune dead branches")
        passes.add_pass(GenericRewrites, "rewrite")
        passes.add_pass(RewriteDynamicRaises, "rewrite raised exceptions")
        passes.add_pass(ReconstructSSA, "assign each variable once")
        passes.add_pass(DeadBranchPrune, "prune dead branches")
        passes.add_pass(NopythonTypeInference, "infer types")
        passes.add_pass(PreLowerStripPhis, "remove merged variables")
        passes.add_pass(NoPythonSupportedFeatureValidation, "refuse what compiled code cannot do")
        passes.add_pass(IRLegalization, "make the representation legal")
        passes.add_pass(AnnotateTypes, "annotate types")
        passes.add_pass(_Lowering, "lower")
        passes.add_pass(NoPythonBackend, "give the result")
        passes.finalize()
        return [passes]

    @staticmethod
    def without_literals(dispatcher: Data) -> Data:
        """Let a function be compiled once for all numbers of a type, and return it.

        numba compiles it once more for each literal argument and for each default that is left out,
        even for the literal from which a loop starts to count. Inlined constants are folded anyway.
        """
        compiler = dispatcher._compiler
        fold = compiler.fold_argument_types

        def folded(arguments: Data, keywords: Data) -> tuple[Data, tuple[Data, ...]]:
            signature, found = fold(arguments, keywords)
            return signature, tuple(map(_plain, found))

        compiler.fold_argument_types = folded
        return dispatcher


def _plain(argument: Data) -> Data:
    if isinstance(argument, types.Omitted):
        return typeof(argument.value)
    return types.unliteral(argument)
