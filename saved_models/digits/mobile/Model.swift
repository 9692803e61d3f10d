// MlpKeras on iOS 15 and later: add model_dynamic.tflite, labels.txt, model_personal.tflite to the app's target,
// and the package https://github.com/google-ai-edge/LiteRT of the branch release/2.3.0, product LiteRT;
// for a GPU also LiteRtMetalAccelerator, for the personal model TensorFlowLite (or pod 'TensorFlowLiteSwift', '2.17.0').

import CoreGraphics
import Foundation
import LiteRT
import TensorFlowLite

/// Takes image: uint8 (1, 8, 8, 1); gives probabilities: float32 (1, 10).
/// Runs on the accelerator; what that cannot take, or all of it where there is none, runs on the CPU.
final class MlpKeras {
    private let model: Runner
    private let labels: [String]

    init(_ accelerator: Accelerator = .cpu, asset: String = "model_dynamic.tflite") throws {
        model = try Runner(asset, accelerator)
        labels = try lines("labels.txt")
    }

    private func best(_ probabilities: [Float]) -> [(label: String, probability: Float)] {
        Array(zip(labels, probabilities).map { (label: $0, probability: $1) }.sorted { $0.probability > $1.probability }.prefix(3))
    }

    /// The three most probable classes with their probabilities.
    func classify(_ photo: CGImage) throws -> [(label: String, probability: Float)] {
        try model.invoke(with: ["image": pixels(photo)])
        return best(try model.values("probabilities", Float.self))
    }
}

/// Learns its owner's classes; 10 and above are spare ones. Keep the two arrays in a file of the app.
final class MlpKerasPersonal {
    private let interpreter: Interpreter
    private let infer, trainer, reader, writer: SignatureRunner

    init() throws {
        interpreter = try load("model_personal.tflite")
        infer = try interpreter.signatureRunner(with: "infer")
        trainer = try interpreter.signatureRunner(with: "train")
        reader = try interpreter.signatureRunner(with: "weights")
        writer = try interpreter.signatureRunner(with: "restore")
    }

    func probabilities(_ photo: CGImage) throws -> [Float] {
        try infer.invoke(with: ["image": pixels(photo)])
        return try infer.values("probabilities", Float.self)
    }

    /// One step on one photo; gives the loss before it. A few rounds over some ten photos a class are enough.
    func train(_ photo: CGImage, label: Int32, learningRate: Float = 0.1) throws -> Float {
        try trainer.invoke(with: [
            "image": pixels(photo), "label": data([label]), "learning_rate": data([learningRate]),
        ])
        return try trainer.values("loss", Float.self)[0]
    }

    /// "kernel" (96, 14) and "bias".
    func weights() throws -> [String: Data] {
        try reader.invoke(with: [:])
        return ["kernel": try reader.output(named: "kernel").data, "bias": try reader.output(named: "bias").data]
    }

    func restore(_ weights: [String: Data]) throws {
        try writer.invoke(with: weights)
    }
}

private func file(_ name: String) -> URL {
    Bundle.main.bundleURL.appendingPathComponent(name)
}

private func data<Value>(_ values: [Value]) -> Data {
    values.withUnsafeBytes { Data($0) }
}

/// The first signature of a file, whose buffers are made once and used in every call.
private final class Runner {
    let outputNames: [String]
    private let model: CompiledModel
    private let inputNames: [String]
    private let inputs, outputs: [TensorBuffer]

    init(_ name: String, _ accelerator: Accelerator) throws {
        let environment = try Environment()
        func compile(_ accelerators: Set<Accelerator>) throws -> CompiledModel {
            let options = try Options()
            try options.setHardwareAccelerators(accelerators)
            return try CompiledModel(filePath: file(name).path, environment: environment, options: options)
        }
        let model: CompiledModel
        do { model = try compile([accelerator, .cpu]) } catch { model = try compile([.cpu]) }
        inputNames = try (0 ..< model.inputCount()).map { try model.inputName(inputIndex: $0) }
        outputNames = try (0 ..< model.outputCount()).map { try model.outputName(outputIndex: $0) }
        inputs = try model.createInputBuffers()
        outputs = try model.createOutputBuffers()
        self.model = model
    }

    func invoke(with values: [String: Data]) throws {
        for (name, buffer) in zip(inputNames, inputs) {
            try buffer.write([UInt8](values[name]!))
        }
        try model.run(inputs: inputs, outputs: outputs)
    }

    func values<Value>(_ name: String, _ type: Value.Type) throws -> [Value] {
        try outputs[outputNames.firstIndex(of: name)!].read()
    }

    func bytes(_ name: String) throws -> Data {
        Data(try values(name, UInt8.self))
    }

    func all() throws -> [String: Data] {
        try Dictionary(uniqueKeysWithValues: outputNames.map { ($0, try bytes($0)) })
    }
}

// CompiledModel does not train: what learns on the phone runs in the interpreter.
private func load(_ name: String) throws -> Interpreter {
    try Interpreter(modelPath: file(name).path)
}

private extension SignatureRunner {
    func values<Value>(_ name: String, _ type: Value.Type) throws -> [Value] {
        try output(named: name).data.withUnsafeBytes { Array($0.bindMemory(to: type)) }
    }
}

/// uint8 (1, 8, 8, 1) in [0, 255]: the whole picture, stretched; the model normalizes.
private func pixels(_ photo: CGImage) -> Data {
    let context = CGContext(
        data: nil, width: 8, height: 8, bitsPerComponent: 8, bytesPerRow: 4 * 8,
        space: CGColorSpaceCreateDeviceRGB(), bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)!
    context.interpolationQuality = .high
    context.draw(photo, in: CGRect(x: 0, y: 0, width: 8, height: 8))
    let rgba = UnsafeRawBufferPointer(start: context.data, count: 4 * 8 * 8)
    let values = stride(from: 0, to: rgba.count, by: 4).map {
        UInt8((299 * Int(rgba[$0]) + 587 * Int(rgba[$0 + 1]) + 114 * Int(rgba[$0 + 2])) / 1000)
    }
    return data(values)
}

private func lines(_ name: String) throws -> [String] {
    Array(try String(contentsOf: file(name), encoding: .utf8).components(separatedBy: "\n").dropLast())
}
